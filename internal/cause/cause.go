// Package cause extracts the essential line from the text of a failure. Notebooks
// and commands report failures with tags, colors, code and a stack trace.
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

// Line returns the essential line of the first text that has one. For a Python
// traceback this is the message, which is the last line. Otherwise it is the first
// line. Line skips HTML tags, terminal escapes, lines of dashes and the statement
// that Spark appends. It returns an empty string if no text has such a line.
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

// Text returns the complete message in one line, without HTML tags, terminal
// escapes and lines of dashes.
func Text(message string) string {
	lines, _ := split(clean(message))
	return strings.Join(lines, " ")
}

func clean(text string) string {
	return escapes.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(text, "")), "")
}

// split returns the lines that have content. ruled reports whether a line of dashes
// comes before them, as in IPython's tracebacks.
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
