package redact

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"a":                            "a",
		" a\r\n\tb  c ":                "a b c",
		"\x1b[31mred\x1b[0m":           "[31mred[0m",
		"\u0084\x00a\x7f\u009bb":       "ab",
		"a\u202egpj.exe":               "agpj.exe",
		"a\xffb":                       "a\ufffdb",
		"0123456789abc":                "0123456789…",
		"012345678é":                   "012345678…",
		"ünïcode 日本":                   "ünïcode …",
		"a\u2028b\u2029c":              "a b c",
		"one\x1b]8;;http://x\x1b\\two": "one]8;;htt…",
	} {
		assert.Equal(t, want, Line(text, 10), "%q", text)
	}
}

func TestHider(t *testing.T) {
	body := []byte(`{"scope":"vault","key":"k","string_value":"hunter2!","bytes_value":"aHVudGVyMyE=","libraries":[{"pypi":{"package":"x","repo":"https://me:pass%20word@pypi.example.com/"}}],
		"new_cluster":{"spark_env_vars":{"PASS":"in the \"env\""}},"short":"x"}`)
	secrets := append(Secrets(body), "dapi12345")
	hide := Hide(secrets...)
	for text, want := range map[string]string{
		"hunter2! and aHVudGVyMyE= and hunter3!":  Mark + " and " + Mark + " and " + Mark,
		`https://me:pass%20word@pypi.example.com`: "https://me:" + Mark + "@pypi.example.com",
		`in the "env", {"x":"in the \"env\""}`:    Mark + `, {"x":"` + Mark + `"}`,
		"dapi12345":                               Mark,
		"the scope vault has no key k":            "the scope vault has no key k",
	} {
		assert.Equal(t, want, hide.In(text))
	}
	form := Hide(Secrets([]byte("command=print%28secret%29&language=python"))...)
	assert.Equal(t, Mark+" in python", form.In("print(secret) in python"))
	assert.Empty(t, Secrets(nil))
	assert.Empty(t, Secrets([]byte("{")))
	assert.Equal(t, "x", Hide("x", "").In("x"), "what is short is no secret")
}

func TestURL(t *testing.T) {
	assert.Equal(t, `{"repo":"https://me:[redacted]@pypi.example.com/simple","plain":"https://pypi.example.com/a:b@c"}`,
		string(JSON([]byte(`{"repo":"https://me:hunter2@pypi.example.com/simple","plain":"https://pypi.example.com/a:b@c"}`))))
}
