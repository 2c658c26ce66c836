package redact

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Line prepares foreign text as a part of a one-line message. It folds white space,
// removes terminal control characters, and truncates the text to bound bytes.
func Line(s string, bound int) string {
	s = strings.Join(strings.Fields(Text(s)), " ")
	if len(s) > bound {
		s = strings.ToValidUTF8(s[:bound], "") + "…"
	}
	return s
}

// Text returns text without terminal control characters: control characters other
// than white space, and characters that change the direction of text.
func Text(s string) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s), "\ufffd")
}

// urlPassword matches the password in a URL.
var urlPassword = regexp.MustCompile(`(://[^/\s"'@:]*):([^/\s"'@]+)@`)

// URL returns text without the passwords in its URLs.
func URL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return urlPassword.ReplaceAllString(text, "$1:"+Mark+"@")
}

// shortest is the minimum length of a secret to search for in text. A shorter one
// would also match parts of ordinary words.
const shortest = 4

// Secrets returns the secrets in the body of a request, which is JSON or a form.
// They are the values under sensitive names and the passwords in URLs.
func Secrets(body []byte) []string {
	var found secrets
	var tree any
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil
	} else if body[0] != '{' && body[0] != '[' {
		fields, _ := url.ParseQuery(string(body))
		for name, values := range fields {
			for _, value := range values {
				found.add(SensitiveKey(name), value)
			}
		}
	} else if json.Unmarshal(body, &tree) == nil {
		found.walk(false, tree)
	}
	return found
}

type secrets []string

func (s *secrets) walk(secret bool, v any) {
	switch v := v.(type) {
	case string:
		s.add(secret, v)
	case []any:
		for _, element := range v {
			s.walk(secret, element)
		}
	case map[string]any:
		for name, member := range v {
			s.walk(secret || SensitiveKey(name), member)
		}
	}
}

func (s *secrets) add(secret bool, text string) {
	if secret {
		*s = append(*s, text)
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
			*s = append(*s, string(plain))
		}
		return
	}
	for _, match := range urlPassword.FindAllStringSubmatch(text, -1) {
		*s = append(*s, match[2])
	}
}

// A Hider replaces secrets by the mark.
type Hider struct{ secrets []string }

// Hide returns a Hider of secrets. It ignores very short ones.
func Hide(secrets ...string) Hider {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < shortest })
	for _, secret := range slices.Clone(secrets) { // also in the form that they have in JSON and in a URL
		quoted, _ := json.Marshal(secret)
		secrets = append(secrets, string(quoted[1:len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret))
	}
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // longest first, because one may be part of another
	return Hider{slices.Compact(secrets)}
}

// In returns text without the secrets.
func (h Hider) In(text string) string {
	for _, secret := range h.secrets {
		if strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, Mark)
		}
	}
	return text
}
