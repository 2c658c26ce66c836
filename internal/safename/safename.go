// Package safename turns names from elsewhere into names that a file can have
// on any system, and back.
//
// What cannot stand as it is becomes %{XX}, XX being the byte in hex: the
// characters that Windows refuses, control characters, a dot or space at the
// end, the names . and .., one letter of the names of devices (CON, NUL, …),
// and the % of a %{. Two names that differ in case only would be one file on
// some systems, so that letters of the second are written this way, too. All
// other names, among them those that hold a %3A, stay as they are.
package safename

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Encode returns a safe form of a name.
func Encode(name string) string { return encode(name, 0) }

// encode escapes what has to be, and the first letters that have a case.
func encode(name string, letters int) string {
	if name == "" {
		return "%{}"
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(name); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(name[i:])
		char := name[i : i+size]
		switch {
		case r < ' ', r == 0x7f, strings.ContainsRune(`<>:"/\|?*`, r),
			r == utf8.RuneError && size == 1,
			strings.HasPrefix(name[i:], "%{"),
			(r == '.' || r == ' ') && (i+size == len(name) || name == ".."),
			i == 0 && device.MatchString(name):
			escape(&b, char)
		case letters > 0 && (strings.ToLower(char) != char || strings.ToUpper(char) != char):
			escape(&b, char)
			letters--
		default:
			b.WriteString(char)
		}
	}
	return b.String()
}

// device matches what Windows takes for a device, whatever its extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

func escape(b *strings.Builder, bytes string) {
	for i := range len(bytes) {
		fmt.Fprintf(b, "%%{%02X}", bytes[i])
	}
}

var escaped = regexp.MustCompile(`%\{([0-9A-F]{2})?\}`)

// Decode returns the name that a safe form stands for. A name without escapes
// is returned as it is.
func Decode(safe string) string {
	return escaped.ReplaceAllStringFunc(safe, func(e string) string {
		if e == "%{}" {
			return ""
		}
		c, _ := strconv.ParseUint(e[2:4], 16, 8)
		return string([]byte{byte(c)})
	})
}

// EncodeAll returns safe forms of the names of one folder, by name. No two of
// them are the same to a system that does not look at case.
func EncodeAll(names []string) map[string]string {
	safe := make(map[string]string, len(names))
	taken := make(map[string]bool, len(names))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		form := Encode(name)
		for letters := 1; taken[Fold(form)]; letters++ {
			form = encode(name, letters)
		}
		taken[Fold(form)] = true
		safe[name] = form
	}
	return safe
}

// Fold returns what names have in common that a system which ignores case takes
// for one.
func Fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }
