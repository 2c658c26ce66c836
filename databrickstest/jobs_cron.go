package databrickstest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // schedules have time zones, and not every machine has the database
)

// A cron is a Quartz cron expression. It has the fields second, minute, hour,
// day of month, month, day of week, and optionally year.
type cron struct {
	seconds, minutes, hours, months, years fieldSet // years is nil for any year
	monthDays, weekDays                    []dayRule
	zone                                   *time.Location
}

// A fieldSet has the values that a field allows.
type fieldSet map[int]bool

// A dayRule reports whether a part of a day field includes a date.
type dayRule func(time.Time) bool

var (
	monthNames = []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// parseCron parses an expression. Its errors are those of the service.
func parseCron(text, zone string) (*cron, error) {
	fields := strings.Fields(strings.ToUpper(text))
	if len(fields) < 6 {
		return nil, errors.New("unexpected end of expression")
	}
	if len(fields) > 7 {
		return nil, fmt.Errorf("the expression has %d fields; at most 7 are allowed", len(fields))
	}
	location, err := timezone(zone)
	if err != nil {
		return nil, err
	}
	c := &cron{zone: location}
	for i, f := range []struct {
		set      *fieldSet
		min, max int
		names    []string
	}{{&c.seconds, 0, 59, nil}, {&c.minutes, 0, 59, nil}, {&c.hours, 0, 23, nil}, {}, {&c.months, 1, 12, monthNames}, {}, {&c.years, 1970, 2099, nil}} {
		if f.set == nil || i >= len(fields) {
			continue
		}
		if *f.set, err = parseField(fields[i], f.min, f.max, f.names); err != nil {
			return nil, err
		}
	}
	if (fields[3] == "?") == (fields[5] == "?") {
		return nil, errors.New("support for specifying both a day-of-week AND a day-of-month parameter is not implemented")
	}
	if c.monthDays, err = parseDays(fields[3], parseMonthDay); err != nil {
		return nil, err
	}
	c.weekDays, err = parseDays(fields[5], parseWeekDay)
	return c, err
}

// parseField parses a list of values, ranges and steps.
func parseField(text string, least, most int, names []string) (fieldSet, error) {
	set := fieldSet{}
	value := func(s string) (int, error) {
		if i := slices.Index(names, s); i > 0 {
			return i, nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("illegal value '%s'; it must be from %d to %d", s, least, most)
		}
		return n, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > most {
				return nil, fmt.Errorf("illegal increment '%s'", stepText)
			}
		}
		first, last := least, most
		if span != "*" && (span != "" || !stepped) {
			from, to, isRange := strings.Cut(span, "-")
			var err error
			if first, err = value(from); err != nil {
				return nil, err
			}
			switch {
			case isRange:
				if last, err = value(to); err != nil {
					return nil, err
				}
			case !stepped:
				last = first
			}
		}
		if last < first { // a range such as FRI-MON
			last += most - least + 1
		}
		for n := first; n <= last; n += step {
			set[(n-least)%(most-least+1)+least] = true
		}
	}
	return set, nil
}

// parseDays parses a day field.
func parseDays(text string, parse func(string) (dayRule, error)) ([]dayRule, error) {
	if text == "?" {
		return nil, nil
	}
	var rules []dayRule
	for part := range strings.SplitSeq(text, ",") {
		rule, err := parse(part)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

var (
	lastMonthDay = regexp.MustCompile(`^L(?:-(\d{1,2}))?(W)?$`)
	nearWeekday  = regexp.MustCompile(`^(\d{1,2})W$`)
	lastWeekDay  = regexp.MustCompile(`^([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)L$`)
	nthWeekDay   = regexp.MustCompile(`^([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#([1-5])$`)
)

func parseMonthDay(part string) (dayRule, error) {
	if m := lastMonthDay.FindStringSubmatch(part); m != nil {
		before, _ := strconv.Atoi(m[1])
		return func(t time.Time) bool {
			day := max(lastDay(t)-before, 1)
			if m[2] != "" {
				day = weekdayNear(t, day)
			}
			return t.Day() == day
		}, nil
	}
	if m := nearWeekday.FindStringSubmatch(part); m != nil {
		day, _ := strconv.Atoi(m[1])
		if day < 1 || day > 31 {
			return nil, errors.New("day of month values must be between 1 and 31")
		}
		return func(t time.Time) bool { return day <= lastDay(t) && t.Day() == weekdayNear(t, day) }, nil
	}
	set, err := parseField(part, 1, 31, nil)
	return func(t time.Time) bool { return set[t.Day()] }, err
}

func parseWeekDay(part string) (dayRule, error) {
	if part == "L" {
		part = "7"
	}
	if m := lastWeekDay.FindStringSubmatch(part); m != nil {
		day := weekday(m[1])
		return func(t time.Time) bool { return t.Weekday() == day && t.Day() > lastDay(t)-7 }, nil
	}
	if m := nthWeekDay.FindStringSubmatch(part); m != nil {
		day := weekday(m[1])
		nth, _ := strconv.Atoi(m[2])
		return func(t time.Time) bool { return t.Weekday() == day && (t.Day()-1)/7+1 == nth }, nil
	}
	set, err := parseField(part, 1, 7, dayNames)
	return func(t time.Time) bool { return set[int(t.Weekday())+1] }, err
}

func weekday(text string) time.Weekday {
	if i := slices.Index(dayNames, text); i > 0 {
		return time.Weekday(i - 1)
	}
	n, _ := strconv.Atoi(text)
	return time.Weekday(n - 1)
}

func lastDay(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// weekdayNear returns the day from Monday to Friday that is nearest to day in
// t's month.
func weekdayNear(t time.Time, day int) int {
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == lastDay(t) {
			return day - 2
		}
		return day + 1
	}
	return day
}

// next returns the first time after t that matches the expression. It returns
// the zero time if there is none before the year 2100.
func (c *cron) next(t time.Time) time.Time {
	t = t.In(c.zone).Truncate(time.Second).Add(time.Second)
	for t.Year() < 2100 {
		switch {
		case c.years != nil && !c.years[t.Year()]:
			t = time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, c.zone)
		case !c.months[int(t.Month())]:
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, c.zone)
		case !c.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, c.zone)
		// Within a day, add real durations, because of daylight saving time.
		case !c.hours[t.Hour()]:
			t = t.Add(time.Hour - time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second)
		case !c.minutes[t.Minute()]:
			t = t.Add(time.Minute - time.Duration(t.Second())*time.Second)
		case !c.seconds[t.Second()]:
			t = t.Add(time.Second)
		default:
			return t
		}
	}
	return time.Time{}
}

func (c *cron) onDay(t time.Time) bool {
	rules := c.monthDays
	if rules == nil {
		rules = c.weekDays
	}
	return slices.ContainsFunc(rules, func(rule dayRule) bool { return rule(t) })
}

var fixedZone = regexp.MustCompile(`^(?:GMT|UTC)([+-])(\d{1,2})(?::?(\d{2}))?$`)

// timezone returns the time zone with an id that Java accepts.
func timezone(id string) (*time.Location, error) {
	if m := fixedZone.FindStringSubmatch(id); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		seconds := hours*3600 + minutes*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(id, seconds), nil
	}
	if id == "" || id == "Local" {
		return nil, fmt.Errorf("unknown time zone %q", id)
	}
	return time.LoadLocation(id)
}
