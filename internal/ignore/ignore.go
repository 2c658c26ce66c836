// Package ignore matches paths with the patterns of .gitignore files.
package ignore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Patterns are the lines of a .gitignore file. If several match, the last one
// counts.
type Patterns []pattern

type pattern struct {
	match   *regexp.Regexp
	negated bool
	dirOnly bool
}

// Parse parses lines. It ignores empty lines and comments, which start with #.
func Parse(lines []string) (Patterns, error) {
	var all Patterns
	for _, line := range lines {
		p, err := parse(line)
		if err != nil {
			return nil, err
		}
		if p.match != nil {
			all = append(all, p)
		}
	}
	return all, nil
}

func parse(line string) (p pattern, err error) {
	text := strings.TrimRight(line, "\r\n")
	if strings.ContainsAny(text, "\n\x00") {
		return p, fmt.Errorf("%q has more than one line", line)
	}
	// Trailing spaces are ignored unless they are escaped.
	for strings.HasSuffix(text, " ") && !strings.HasSuffix(text, `\ `) {
		text = text[:len(text)-1]
	}
	if text == "" || text[0] == '#' {
		return p, nil
	}
	if text[0] == '!' {
		p.negated, text = true, text[1:]
	}
	text, p.dirOnly = strings.CutSuffix(text, "/")
	// A pattern with a slash at the start or in the middle matches only from the
	// top directory.
	anchored := strings.Contains(text, "/")
	text = strings.TrimPrefix(text, "/")
	if text == "" {
		return pattern{}, nil
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	if !anchored {
		b.WriteString(`(?:.*/)?`)
	}
	for i, part := range strings.Split(text, "/") {
		last := strings.Count(text, "/") == i
		switch {
		case part == "**" && last:
			b.WriteString(`.+`)
		case part == "**":
			b.WriteString(`(?:.*/)?`)
		default:
			if err := translate(&b, part); err != nil {
				return p, fmt.Errorf("%q: %w", line, err)
			}
			if !last {
				b.WriteByte('/')
			}
		}
	}
	b.WriteString(`\z`)
	p.match, err = regexp.Compile(b.String())
	if err != nil {
		return p, fmt.Errorf("%q is not a pattern", line)
	}
	return p, nil
}

// translate converts a path element of a pattern to a regular expression.
func translate(b *strings.Builder, part string) error {
	for i := 0; i < len(part); {
		switch c := part[i]; c {
		case '*':
			b.WriteString(`[^/]*`)
		case '?':
			b.WriteString(`[^/]`)
		case '\\':
			if i++; i == len(part) {
				return fmt.Errorf("it ends with a backslash")
			}
			b.WriteString(regexp.QuoteMeta(part[i : i+1]))
		case '[':
			n, err := class(b, part[i:])
			if err != nil {
				return err
			}
			i += n
			continue
		default:
			b.WriteString(regexp.QuoteMeta(part[i : i+1]))
		}
		i++
	}
	return nil
}

// class converts a set of characters, such as [a-z] or [!0-9]. It returns the
// length of the set.
func class(b *strings.Builder, text string) (int, error) {
	i := 1
	b.WriteByte('[')
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		b.WriteString("^/")
		i++
	}
	for first := true; i < len(text); first = false {
		c := text[i]
		if c == ']' && !first {
			b.WriteByte(']')
			return i + 1, nil
		}
		if strings.HasPrefix(text[i:], "[:") {
			if end := strings.Index(text[i:], ":]"); end > 0 {
				b.WriteString(text[i : i+end+2])
				i += end + 2
				continue
			}
		}
		if c == '\\' && i+1 < len(text) {
			i++
			c = text[i]
		} else if c == '-' {
			b.WriteByte('-')
			i++
			continue
		}
		if strings.IndexByte(`\]^[-&~`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		i++
	}
	return 0, fmt.Errorf("a [ without a ]")
}

// Match reports whether a path is excluded. The path has slashes and is relative to
// the top directory. The caller must skip the content of excluded directories,
// because Match does not check the parents of a path.
func (ps Patterns) Match(name string, dir bool) bool {
	name = path.Clean(name)
	for i := len(ps) - 1; i >= 0; i-- {
		if p := ps[i]; (dir || !p.dirOnly) && p.match.MatchString(name) {
			return !p.negated
		}
	}
	return false
}
