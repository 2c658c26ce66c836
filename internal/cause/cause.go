// Package cause finds the line that matters in the text of a failure, which a
// notebook or a command reports with tags, colors, code and a stack trace.
package cause

import (
	"html"
	"regexp"
	"strings"
)

var (
	escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")
	tags    = regexp.MustCompile(`</?[A-Za-z][^<>]*>`)
)

// Line returns the line of the first text that has one: the message of a
// Python traceback, which is its last line, or else the first line. HTML tags,
// terminal escapes, rules of dashes and the statement that Spark appends are
// left out. It returns an empty string if no text has such a line.
func Line(texts ...string) string {
	for _, text := range texts {
		if line := find(text); line != "" {
			return line
		}
	}
	return ""
}

func find(text string) string {
	text = clean(text)
	text, _, _ = strings.Cut(text, "== SQL ==")
	lines, ruled := split(text)
	switch {
	case len(lines) == 0:
		return ""
	case ruled, strings.HasPrefix(lines[0], "Traceback"):
		return lines[len(lines)-1]
	}
	return lines[0]
}

// Text returns all of a message in one line, without HTML tags, terminal
// escapes and rules of dashes.
func Text(message string) string {
	lines, _ := split(clean(message))
	return strings.Join(lines, " ")
}

func clean(text string) string {
	return escapes.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(text, "")), "")
}

// split returns the lines that say something, and whether a rule of dashes comes
// before them, as in IPython's tracebacks.
func split(text string) (lines []string, ruled bool) {
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case strings.Trim(line, "-=") == "":
			ruled = ruled || len(lines) == 0
		default:
			lines = append(lines, line)
		}
	}
	return lines, ruled
}
