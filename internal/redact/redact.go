// Package redact removes secrets from logs, dry runs and recorded requests. Member
// names decide what is a secret. The lists in this file have the names.
package redact

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Mark replaces a secret.
const Mark = "[redacted]"

// sensitive has the names whose values are secrets, including everything in them.
var sensitive = []string{
	"authorization", "bytes_value", "command", "cookie", "set-cookie", "spark_env_vars", "string_value",
}

// telling has parts of names that indicate a secret in any position. Most of these
// names are keys of spark_conf, which users choose.
var telling = []string{
	"access.key", "access_key", "accesskey", "account.key", "account_key", "accountkey", "api_key", "apikey",
	"auth.basic", "credential", "customer-key", "encryption-key", "encryption.key", "fs.azure.sas.", "passphrase", "passwd", "password", "primary_key",
	"private_key", "privatekey", "sas.fixed", "sas_token", "secret", "signature", "token",
}

// harmless has names that look like those of secrets but are not: page tokens, IDs,
// and lists whose elements have sensitive names of their own.
var harmless = []string{
	"credentials", "idempotency_token", "next_page_token", "page_token", "prev_page_token", "secrets", "token_id", "token_info",
	"token_infos", "tokens",
}

// SensitiveKey reports whether the value under a name is a secret. The name is that
// of a JSON member, a field of a form or query, a header or a Spark property.
func SensitiveKey(name string) bool {
	name = strings.ToLower(name)
	head, _, _ := strings.Cut(name, ".") // a rule of a cluster policy has the path of an attribute
	return slices.Contains(sensitive, head) ||
		!slices.Contains(harmless, name) && slices.ContainsFunc(telling, func(part string) bool { return strings.Contains(name, part) })
}

// Query returns a copy of a query or a form without secrets.
func Query(fields url.Values) url.Values { return url.Values(values(fields)) }

// Header returns a copy of the header without secrets. It keeps the scheme of
// Authorization.
func Header(header http.Header) http.Header {
	clean := http.Header(values(header))
	for i, value := range header["Authorization"] {
		if scheme, _, ok := strings.Cut(value, " "); ok {
			clean["Authorization"][i] = scheme + " " + Mark
		}
	}
	return clean
}

func values(fields map[string][]string) map[string][]string {
	if fields == nil {
		return nil
	}
	clean := make(map[string][]string, len(fields))
	for name, list := range fields {
		list = slices.Clone(list)
		for i := range list {
			if list[i] = URL(list[i]); SensitiveKey(name) {
				list[i] = Mark
			}
		}
		clean[name] = list
	}
	return clean
}

// JSON returns a copy of a JSON document without secrets. It replaces all strings,
// numbers and booleans under a sensitive name, and keeps the structure. It does the
// same in strings that are JSON objects. It copies everything else byte for byte. If the text is not valid JSON, the copy ends with
// the mark at the first error.
func JSON(text []byte) []byte {
	s := scanner{in: text, out: make([]byte, 0, len(text))}
	s.space()
	if len(s.in) == 0 || s.value(false, 0) && s.end() {
		return s.out
	}
	return append(s.out, Mark...)
}

// LogValue returns the value for a log: the members of v's JSON form, without
// secrets.
func LogValue(v any) slog.Value {
	text, err := json.Marshal(v)
	if err != nil {
		return slog.StringValue(Mark)
	}
	dec := json.NewDecoder(bytes.NewReader(JSON(text)))
	dec.UseNumber()
	var shown any
	if err := dec.Decode(&shown); err != nil {
		return slog.StringValue(Mark)
	}
	return slog.AnyValue(shown)
}

// scanner copies in to out, one syntactic element at a time. Its methods report
// whether the text was valid. After an invalid element they copy nothing more.
type scanner struct{ in, out []byte }

func (s *scanner) end() bool {
	s.space()
	return len(s.in) == 0
}

func (s *scanner) copy(n int) {
	s.out = append(s.out, s.in[:n]...)
	s.in = s.in[n:]
}

func (s *scanner) space() {
	n := 0
	for n < len(s.in) && (s.in[n] == ' ' || s.in[n] == '\t' || s.in[n] == '\n' || s.in[n] == '\r') {
		n++
	}
	s.copy(n)
}

// next copies one of the given punctuation marks.
func (s *scanner) next(marks string) (byte, bool) {
	s.space()
	if len(s.in) == 0 || strings.IndexByte(marks, s.in[0]) < 0 {
		return 0, false
	}
	mark := s.in[0]
	s.copy(1)
	return mark, true
}

const maxDepth = 1000

func (s *scanner) value(secret bool, depth int) bool {
	s.space()
	if len(s.in) == 0 || depth > maxDepth {
		return false
	}
	switch s.in[0] {
	case '{':
		return s.list('}', func() bool {
			name, ok := s.string(true)
			if !ok {
				return false
			}
			if _, ok := s.next(":"); !ok {
				return false
			}
			return s.value(secret || SensitiveKey(name), depth+1)
		})
	case '[':
		return s.list(']', func() bool { return s.value(secret, depth+1) })
	case '"':
		start := len(s.out)
		text, ok := s.string(!secret)
		if ok && !secret && depth < maxDepth {
			s.out = append(s.out[:start], nested(text, s.out[start:])...)
		}
		return ok
	}
	return s.scalar(secret)
}

// nested returns a string that is a JSON object, such as the definition of a
// cluster policy, without secrets. It returns any other string as quoted has it.
func nested(text string, quoted []byte) []byte {
	if !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return quoted
	}
	clean := JSON([]byte(text))
	if string(clean) == text {
		return quoted
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(clean)) // a string has a JSON form
	return bytes.TrimSpace(b.Bytes())
}

// list copies an object or array. element copies one element.
func (s *scanner) list(end byte, element func() bool) bool {
	s.copy(1)
	if _, empty := s.next(string(end)); empty {
		return true
	}
	for {
		s.space()
		if !element() {
			return false
		}
		if mark, ok := s.next("," + string(end)); !ok || mark == end {
			return ok
		}
	}
}

// string copies a string, or writes the mark instead. It returns the value of the
// string if it was copied.
func (s *scanner) string(show bool) (string, bool) {
	if len(s.in) == 0 || s.in[0] != '"' {
		return "", false
	}
	for n := 1; n < len(s.in); n++ {
		switch s.in[n] {
		case '\\':
			n++
		case '"':
			if !show {
				s.in = s.in[n+1:]
				s.out = append(s.out, `"`+Mark+`"`...)
				return "", true
			}
			text := string(s.in[1:n])
			if strings.Contains(text, `\`) && json.Unmarshal(s.in[:n+1], &text) != nil {
				return "", false
			}
			if clean := URL(string(s.in[1:n])); len(clean) != n-1 {
				s.in = s.in[n+1:]
				s.out = append(s.out, `"`+clean+`"`...)
				return text, true
			}
			s.copy(n + 1)
			return text, true
		}
	}
	return "", false
}

// scalar copies a number, true, false or null. A null is never a secret.
func (s *scanner) scalar(secret bool) bool {
	n := 0
	for n < len(s.in) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", s.in[n]) >= 0 {
		n++
	}
	switch {
	case !json.Valid(s.in[:n]):
		return false
	case secret && string(s.in[:n]) != "null":
		s.in = s.in[n:]
		s.out = append(s.out, `"`+Mark+`"`...)
	default:
		s.copy(n)
	}
	return true
}
