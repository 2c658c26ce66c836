// Package netrc reads .netrc files, in which people keep the credentials of
// hosts, and understands them as curl does. Where versions of curl disagree,
// the newer one is followed.
//
// # The rules
//
// Every rule below has a row in this package's tests, where the curl that is
// installed is asked about the same file.
//
//   - A file is a row of tokens, separated by spaces, tabs and line ends (\n,
//     \r\n); indentation and line breaks mean nothing more. A line that begins
//     with # (after blanks) is a comment. A # anywhere else is an ordinary
//     character.
//   - A token that begins with a double quote goes on to the next one, over
//     blanks and line ends. In it \n, \r and \t are line end, carriage return
//     and tab, and a backslash before anything else stands for that character.
//     Outside quotes a backslash is an ordinary character, and so is a quote
//     that does not come first.
//   - Keywords are machine NAME, default, login VALUE, password VALUE, account
//     VALUE (which HTTP has no use for) and macdef, in any case, never quoted.
//     What follows a keyword with a value is that value, even if it looks like
//     a keyword. Tokens that are none of these are skipped.
//   - An entry begins with machine or default and ends before the next machine,
//     default or macdef. A macro runs from macdef to the next empty line.
//   - A name matches the host of the same name, whatever the case. Scheme and
//     port play no part: "machine example.com:443" matches nothing. A default
//     matches every host, so it hides the machines behind it.
//   - The first matching entry that has a login or a password is the answer;
//     what of the two it lacks is empty. Of a key given twice the last counts.
//     An entry in which both are given as "" is the end of the search, too.
//   - The file is read up to the answer: a quote that is never closed, a
//     carriage return that stands before a blank, or a value of 4 KiB or more
//     is an error for those hosts whose entry is not complete before it.
//   - A line of 16 KiB or more and a file of 128 KiB or more are refused.
//   - The file's mode is not looked at.
//
// curl also searches for the entry of a given login, when the URL names one.
// No URL does here, so there is no such search.
//
// # Where curl answers otherwise
//
// All rows were put to curl 7.88.1, 8.14.1, 8.21.0, which brought a new
// scanner, and 8.23.0. This package is of one mind with the last two, 8.21.0's
// crash on "default login "" " aside. Before 8.21:
//
//   - An entry with a login and no password does not end the search. One with
//     a password and no login does not either in 7.88, and costs the default
//     behind it its password.
//   - The first login and password that make a pair end the search, so keys
//     that come again after them do not count.
//   - A keyword counts if it is quoted, and after account.
//   - macdef inside an entry is an unknown token, and does not end it.
//   - The character after a closing quote is lost.
//   - A form feed ends a token, in 8.14 any control character does. A carriage
//     return before a blank is one more blank.
//   - "" for both login and password is sent.
//
// In 7.88 alone:
//
//   - A token that begins with # is a comment up to the end of the line.
//   - A quote that is not closed on its line is an error.
//   - A line of blanks does not end a macro.
//   - Lines of 4 KiB or more are skipped; values and files have no bound.
//
// In 8.14 alone:
//
//   - These are errors: letters beyond ASCII that begin a token (further on,
//     they end it); carriage returns in a row, after blanks or on an empty line;
//     a lone quote in a macro; an unknown token of 4 KiB or more.
//   - What is behind a line too long is not read, without a word.
//
// By decision, unlike any curl:
//
//   - An answer with a control character is refused, as RFC 7617 asks; curl does
//     that in other protocols than HTTP. It is most often a backslash in quotes
//     that should have been two.
//   - A file with a NUL byte is refused; curl loses what is behind it.
//   - Comments count towards the size of the file.
//   - Without $HOME, the system is not asked for the user's home directory.
package netrc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Bounds. A file and a line stay below theirs with one more line end.
const (
	maxFile  = 128 << 10
	maxLine  = 16 << 10
	maxToken = 4 << 10
)

// ErrNoCredential is the error of a search that finds nothing.
var ErrNoCredential = errors.New("no credential")

// Default returns the path of the user's file: $NETRC, else .netrc in the home
// directory. On Windows that may also be called _netrc; .netrc is preferred,
// and $HOME to %USERPROFILE%. Whether the file exists is not said.
func Default() (path string, err error) {
	return defaultPath(runtime.GOOS == "windows")
}

func defaultPath(windows bool) (string, error) {
	if path := os.Getenv("NETRC"); path != "" {
		return path, nil
	}
	home := os.Getenv("HOME")
	if home == "" {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return "", fmt.Errorf("the place of .netrc is not known: %w; set HOME or NETRC", err)
		}
	}
	path := filepath.Join(home, ".netrc")
	if windows {
		old := filepath.Join(home, "_netrc")
		if !exists(path) && exists(old) {
			return old, nil
		}
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A File is a .netrc file that was read. It keeps what it holds in a function,
// so that no way of printing a value shows it.
type File struct {
	find func(host string) (login, password string, err error)
}

// Read reads a file. One that is not there is an [io/fs.ErrNotExist]. No error
// of this package quotes the file.
func Read(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("netrc file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, fmt.Errorf("netrc file: %w", err)
	}
	return parse("netrc file "+path, data)
}

// Parse understands data as the content of a .netrc file.
func Parse(data []byte) (*File, error) {
	return parse("netrc", data)
}

// Find returns the credential for a host, which is a name or an address
// without scheme, port and brackets. Without one the error is [ErrNoCredential].
func (f *File) Find(host string) (login, password string, err error) {
	return f.find(host)
}

// An entry is one machine, or the default.
type entry struct {
	at              int // offset in the text
	machine         string
	anyHost         bool
	login, password string
	filled          bool // has a login or a password
}

func (e entry) matches(host string) bool {
	return e.filled && (e.anyHost || fold(e.machine, host))
}

func parse(name string, data []byte) (*File, error) {
	text, err := load(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	entries, fault := text.entries()
	return &File{func(host string) (login, password string, err error) {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.matches(host) })
		switch {
		case i < 0 && fault != nil:
			err = fault
		case i < 0:
			err = fmt.Errorf("%w for machine %s and no default%s", ErrNoCredential, host, text.hint(entries, host))
		case entries[i].login+entries[i].password == "":
			err = fmt.Errorf("%w for machine %s: login and password of line %d are empty", ErrNoCredential, host, text.line(entries[i].at))
		case hasControl(entries[i].login + entries[i].password):
			err = fmt.Errorf("line %d: the login or password of this entry holds a control character; "+
				`in quotes, close them on the same line, and write \\ for a backslash (\n, \r and \t are control characters)`, text.line(entries[i].at))
		default:
			return entries[i].login, entries[i].password, nil
		}
		return "", "", fmt.Errorf("%s: %w", name, err)
	}}, nil
}

// A text is a file without its comments and indentation.
type text struct {
	lines   string // each ends in \n
	numbers []int  // of the lines, in the file
}

func load(data []byte) (*text, error) {
	if len(data)+1 >= maxFile {
		return nil, fmt.Errorf("it is too large, the bound is %d KiB; take out what is not needed", maxFile>>10)
	}
	var (
		t      text
		lines  strings.Builder
		number int
	)
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case len(line)+1 >= maxLine:
			return nil, fmt.Errorf("line %d: it is too long, the bound is %d KiB; break it at a blank", number, maxLine>>10)
		case bytes.IndexByte(line, 0) >= 0:
			return nil, fmt.Errorf("line %d: it holds a NUL byte, so this is no plain text; save the file as UTF-8", number)
		}
		line = bytes.TrimLeft(line, " \t")
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		lines.Write(line)
		lines.WriteByte('\n')
		t.numbers = append(t.numbers, number)
	}
	t.lines = lines.String()
	return &t, nil
}

// line returns the number of the line in which an offset lies.
func (t *text) line(at int) int {
	return t.numbers[strings.Count(t.lines[:at], "\n")]
}

// entries returns those that are complete before the first fault.
func (t *text) entries() (entries []entry, fault error) {
	l := lexer{text: t, rest: t.lines}
	var current entry // without a name: what stands outside of entries
	begin := func(next entry) {
		if current.anyHost || current.machine != "" {
			entries = append(entries, current)
		}
		current = next
	}
	for l.next(false) {
		switch {
		case l.keyword("machine"):
			begin(entry{at: l.at})
			if l.value() {
				current.machine = l.token
			}
		case l.keyword("default"):
			begin(entry{at: l.at, anyHost: true})
		case l.keyword("macdef"):
			begin(entry{})
			l.skipMacro()
		case l.keyword("login"):
			if l.value() {
				current.login, current.filled = l.token, true
			}
		case l.keyword("password"):
			if l.value() {
				current.password, current.filled = l.token, true
			}
		case l.keyword("account"):
			l.value()
		}
	}
	if l.fault == nil {
		begin(entry{})
	}
	return entries, l.fault
}

// hint says what may be wrong if no entry matches a host.
func (t *text) hint(entries []entry, host string) string {
	if strings.HasPrefix(t.lines, "\ufeff") {
		return "; the byte order mark before line 1 hides its first word, save the file without"
	}
	for _, e := range entries {
		_, name, ok := strings.Cut(e.machine, "://")
		if !ok {
			name = e.machine
		}
		if i := strings.IndexAny(name, ":/"); i >= 0 {
			name = name[:i]
		}
		if name != e.machine && fold(name, host) {
			return fmt.Sprintf("; the machine of line %d has more than a host name, leave out scheme, port and path", t.line(e.at))
		}
	}
	return ""
}

// A lexer takes tokens off a text until there are no more or one is faulty.
type lexer struct {
	text   *text
	rest   string
	at     int // where token begins
	token  string
	quoted bool
	fault  error
}

func (l *lexer) next(value bool) bool {
	for {
		l.rest = strings.TrimLeft(strings.TrimLeft(l.rest, " \t"), "\r")
		if !strings.HasPrefix(l.rest, "\n") {
			break
		}
		l.rest = l.rest[1:]
	}
	l.at = len(l.text.lines) - len(l.rest)
	if l.rest == "" || l.fault != nil {
		return false
	}
	if l.quoted = l.rest[0] == '"'; l.quoted {
		return l.unquote()
	}
	end := strings.IndexAny(l.rest, " \t\r\n")
	if end == 0 && !value { // a value is empty there
		return l.fail("a carriage return stands before a blank; take it out")
	}
	l.token, l.rest = l.rest[:end], l.rest[end:]
	return true
}

// unquote takes the quoted token that begins here.
func (l *lexer) unquote() bool {
	var token strings.Builder
	escaped := false
	for i := 1; i < len(l.rest); i++ {
		c := l.rest[i]
		switch {
		case escaped:
			escaped = false
			switch c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		case c == '\\':
			escaped = true
			continue
		case c == '"':
			l.token, l.rest = token.String(), l.rest[i+1:]
			return l.bounded()
		}
		token.WriteByte(c)
	}
	return l.fail(`a quote is never closed; close it, or, if it belongs to the value, quote all of it and write \" for it`)
}

// value takes the token after a keyword, whatever it looks like.
func (l *lexer) value() bool {
	return l.next(true) && l.bounded()
}

func (l *lexer) bounded() bool {
	if len(l.token) >= maxToken {
		return l.fail(fmt.Sprintf("a value is too long, the bound is %d KiB", maxToken>>10))
	}
	return true
}

func (l *lexer) fail(problem string) bool {
	l.fault = fmt.Errorf("line %d: %s", l.text.line(l.at), problem)
	return false
}

func (l *lexer) keyword(word string) bool {
	return !l.quoted && fold(l.token, word)
}

// skipMacro leaves the lexer at the next empty line.
func (l *lexer) skipMacro() {
	for {
		_, rest, ok := strings.Cut(l.rest, "\n")
		l.rest = strings.TrimLeft(rest, "\r")
		if !ok || strings.HasPrefix(l.rest, "\n") {
			return
		}
	}
}

// fold reports whether two words are one but for the case of ASCII letters, if
// one of them is ASCII: letters beyond that fold to them are longer.
func fold(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b)
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}
