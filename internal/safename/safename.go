// Package safename converts names to file names that are valid on every operating
// system, and back.
//
// A character that is not valid in a file name becomes %{XX}, where XX is the byte
// in hexadecimal. These are the characters that Windows rejects, control
// characters, a dot or space at the end, the names . and .., a letter of a device
// name (CON, NUL, …), and the % of a %{. Two names that differ only in case would
// be the same file on some systems. In this case, letters of the second name are
// escaped, too. All other names do not change, not even those that contain %3A.
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

// encode escapes what Encode must escape, and also the first letters that have a
// case. letters is their number.
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

// device matches the device names of Windows, with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

func escape(b *strings.Builder, bytes string) {
	for i := range len(bytes) {
		fmt.Fprintf(b, "%%{%02X}", bytes[i])
	}
}

var escaped = regexp.MustCompile(`%\{([0-9A-F]{2})?\}`)

// Decode returns the original name. It does not change a name without escapes.
func Decode(safe string) string {
	return escaped.ReplaceAllStringFunc(safe, func(e string) string {
		if e == "%{}" {
			return ""
		}
		c, _ := strconv.ParseUint(e[2:4], 16, 8)
		return string([]byte{byte(c)})
	})
}

// EncodeAll returns the safe forms of all names in one directory, by name. They are
// all different on a system that ignores case.
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

// Fold returns the same text for names that are equal on a system that ignores
// case.
func Fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }
