// Package netrc reads .netrc files, which contain credentials of hosts. It
// interprets them as curl does. Where versions of curl differ, it follows the newer
// one.
//
// # The rules
//
// Each rule below has a row in this package's tests. The tests compare it with the
// installed curl.
//
//   - A file is a sequence of tokens, separated by spaces, tabs and line ends
//     (\n, \r\n). Indentation and line breaks have no other meaning. A line
//     that starts with # (after blanks) is a comment. A # in any other place is
//     an ordinary character.
//   - A token that starts with a double quote extends to the next double quote,
//     including blanks and line ends. In it, \n, \r and \t stand for line end,
//     carriage return and tab. A backslash before any other character stands
//     for that character. Outside quotes, a backslash is an ordinary character,
//     and so is a quote that is not the first character.
//   - Keywords are machine NAME, default, login VALUE, password VALUE, account
//     VALUE (which HTTP does not use) and macdef. Case does not matter. A
//     quoted keyword does not count. The token after a keyword with a value is
//     the value, even if it looks like a keyword. Other tokens are skipped.
//   - An entry starts with machine or default and ends before the next machine,
//     default or macdef. A macro extends from macdef to the next empty line.
//   - A name matches the host of the same name, ignoring case. It contains no
//     scheme and no port: "machine example.com:443" matches nothing. A default
//     matches every host, so it hides the machines that follow it.
//   - The first matching entry with a login or a password is the result. If one
//     of the two is unset, it is empty. If a key is set twice, the last value
//     counts. An entry with login "" and password "" also ends the search.
//   - The file is read up to the result. An unclosed quote, a carriage return
//     before a blank, and a value of 4 KiB or more are errors only for hosts
//     whose entry is not complete before them.
//   - A line of 16 KiB or more and a file of 128 KiB or more are rejected.
//   - The mode of the file is not checked.
//
// If the URL contains a login, curl searches for the entry with this login. No URL
// in this library contains one, so there is no such search.
//
// # Differences between versions of curl
//
// All rows were tested with curl 7.88.1, 8.14.1, 8.21.0, which has a new parser,
// and 8.23.0. This package agrees with the last two, except that 8.21.0 crashes on
// "default login "" ". Versions before 8.21 differ as follows:
//
//   - An entry with a login and no password does not end the search. In 7.88,
//     an entry with a password and no login does not end it either, and a
//     default after it loses its password.
//   - The search ends at the first complete pair of login and password, so
//     later values of the same keys do not count.
//   - A quoted keyword counts, and so does a keyword after account.
//   - macdef inside an entry is an unknown token, and does not end the entry.
//   - The character after a closing quote is lost.
//   - A form feed ends a token. In 8.14, any control character does. A carriage
//     return before a blank is another blank.
//   - "" for both login and password is sent.
//
// Only 7.88 differs as follows:
//
//   - A token that starts with # is a comment that extends to the line end.
//   - A quote that is not closed on its line is an error.
//   - A line of blanks does not end a macro.
//   - Lines of 4 KiB or more are skipped. Values and files have no limit.
//
// Only 8.14 differs as follows:
//
//   - These are errors: non-ASCII letters at the start of a token (in other
//     places, they end it); several carriage returns in a row, after blanks or
//     on an empty line; a lone quote in a macro; an unknown token of 4 KiB or
//     more.
//   - The text after a line that is too long is silently ignored.
//
// This package deliberately differs from all versions of curl as follows:
//
//   - A result with a control character is rejected, as RFC 7617 requires. curl
//     rejects it only in protocols other than HTTP. The usual cause is a single
//     backslash in quotes that should be two.
//   - A file with a NUL byte is rejected. curl ignores the text after it.
//   - Comments count towards the size of the file.
//   - Without $HOME, the operating system is not asked for the home directory.
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

// Limits. The last line end of a line or file does not count.
const (
	maxFile  = 128 << 10
	maxLine  = 16 << 10
	maxToken = 4 << 10
)

// ErrNoCredential is the error of a search without a result.
var ErrNoCredential = errors.New("no credential")

// Default returns the path of the user's file: $NETRC, or else .netrc in the home
// directory. On Windows, _netrc is also possible, but .netrc has precedence, and
// $HOME has precedence over %USERPROFILE%. Default does not check whether the file
// exists.
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
			return "", fmt.Errorf("the path of .netrc is unknown: %w; set HOME or NETRC", err)
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

// A File is a parsed .netrc file. It keeps its content in a function, so that
// printing a value never shows it.
type File struct {
	find func(host string) (login, password string, err error)
}

// Read reads a file. If the file does not exist, the error matches
// [io/fs.ErrNotExist]. No error of this package quotes the file.
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

// Parse parses data as the content of a .netrc file.
func Parse(data []byte) (*File, error) {
	return parse("netrc", data)
}

// Find returns the credential for a host. The host is a name or an address without
// scheme, port and brackets. If there is no credential, the error is
// [ErrNoCredential].
func (f *File) Find(host string) (login, password string, err error) {
	return f.find(host)
}

// An entry is a machine entry or the default entry.
type entry struct {
	at              int // offset in the text
	machine         string
	anyHost         bool
	login, password string
	filled          bool // it has a login or a password
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
			err = fmt.Errorf("line %d: the login or password of this entry contains a control character;  "+
				`in quotes, close them on the same line, and write \\ for a backslash (\n, \r and \t are control characters)`, text.line(entries[i].at))
		default:
			return entries[i].login, entries[i].password, nil
		}
		return "", "", fmt.Errorf("%s: %w", name, err)
	}}, nil
}

// A text is the text of a file without comments and indentation.
type text struct {
	lines   string // each line ends with \n
	numbers []int  // line numbers in the file
}

func load(data []byte) (*text, error) {
	if len(data)+1 >= maxFile {
		return nil, fmt.Errorf("it is larger than the maximum of %d KiB; remove unused entries", maxFile>>10)
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
			return nil, fmt.Errorf("line %d: it is longer than the maximum of %d KiB; split it at a blank", number, maxLine>>10)
		case bytes.IndexByte(line, 0) >= 0:
			return nil, fmt.Errorf("line %d: it contains a NUL byte; save the file as UTF-8", number)
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

// line returns the number of the line that contains an offset.
func (t *text) line(at int) int {
	return t.numbers[strings.Count(t.lines[:at], "\n")]
}

// entries returns the entries that are complete before the first error.
func (t *text) entries() (entries []entry, fault error) {
	l := lexer{text: t, rest: t.lines}
	var current entry // without a name for text outside of entries
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

// hint returns the possible cause if no entry matches a host.
func (t *text) hint(entries []entry, host string) string {
	if strings.HasPrefix(t.lines, "\ufeff") {
		return "; the byte order mark before line 1 hides its first word; save the file without it"
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
			return fmt.Sprintf("; the machine of line %d has more than a host name; remove scheme, port and path", t.line(e.at))
		}
	}
	return ""
}

// A lexer splits a text into tokens, up to the end or an invalid token.
type lexer struct {
	text   *text
	rest   string
	at     int // offset of token
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
	if end == 0 && !value { // a value may be empty there
		return l.fail("a carriage return precedes a blank; remove it")
	}
	l.token, l.rest = l.rest[:end], l.rest[end:]
	return true
}

// unquote reads the quoted token at the current position.
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
	return l.fail(`a quote is not closed; close it, or, if it belongs to the value, quote all of it and write \" for it`)
}

// value reads the token after a keyword, even if it looks like a keyword.
func (l *lexer) value() bool {
	return l.next(true) && l.bounded()
}

func (l *lexer) bounded() bool {
	if len(l.token) >= maxToken {
		return l.fail(fmt.Sprintf("a value is longer than the maximum of %d KiB", maxToken>>10))
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

// skipMacro moves to the next empty line.
func (l *lexer) skipMacro() {
	for {
		_, rest, ok := strings.Cut(l.rest, "\n")
		l.rest = strings.TrimLeft(rest, "\r")
		if !ok || strings.HasPrefix(l.rest, "\n") {
			return
		}
	}
}

// fold reports whether two words are equal, ignoring the case of ASCII letters. One
// of them must be ASCII. A non-ASCII letter that folds to an ASCII letter is
// longer.
func fold(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b)
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}
