package redact

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"token_value": "dapi1", "comment": "ci"}`:                                `{"token_value": "[redacted]", "comment": "ci"}`,
		`{"spark_env_vars":{"A":"1","B":[2,true,null]},"num_workers":8}`:           `{"spark_env_vars":{"A":"[redacted]","B":["[redacted]","[redacted]",null]},"num_workers":8}`,
		`{"spark_conf":{"fs.azure.account.key.x":"k","spark.speculation":"true"}}`: `{"spark_conf":{"fs.azure.account.key.x":"[redacted]","spark.speculation":"true"}}`,
		`{"docker_image":{"basic_auth":{"username":"u","password":"p"}}}`:          `{"docker_image":{"basic_auth":{"username":"u","password":"[redacted]"}}}`,
		`{"scope":"s","key":"k","string_value":"v"}`:                               `{"scope":"s","key":"k","string_value":"[redacted]"}`,
		`[{"command":"print(1)"},{"page_token":"p","idempotency_token":"i"}]`:      `[{"command":"[redacted]"},{"page_token":"p","idempotency_token":"i"}]`,
		`{"token\u005fvalue":"x","a":"\"}"}`:                                       `{"token\u005fvalue":"[redacted]","a":"\"}"}`,
		`{"id": 5631707659504820001, "x":1.50e3 }`:                                 `{"id": 5631707659504820001, "x":1.50e3 }`,
		`{"definition":"{\"docker_image.basic_auth.password\":{\"value\":\"p\"},\"spark_env_vars.A\":{\"value\":1},\"b\":{\"value\":\"<\"}}"}`: `{"definition":"{\"docker_image.basic_auth.password\":{\"value\":\"[redacted]\"},\"spark_env_vars.A\":{\"value\":\"[redacted]\"},\"b\":{\"value\":\"<\"}}"}`,
		`{"definition":"{\"b\":{\"value\":\"\u003c\"}}","x":"{password"}`:                                                                      `{"definition":"{\"b\":{\"value\":\"\u003c\"}}","x":"{password"}`,
		` `:                             ` `,
		`{"password":"cut of`:           `{"password":[redacted]`,
		`{"a":"b","password":"p`:        `{"a":"b","password":[redacted]`,
		`{"a":1} {"password":1}`:        `{"a":1} [redacted]`,
		`token=dapi1`:                   `[redacted]`,
		`{password:"p"}`:                `{[redacted]`,
		strings.Repeat("[", maxDepth+3): strings.Repeat("[", maxDepth+1) + Mark,
	} {
		assert.Equal(t, want, string(JSON([]byte(in))), "%s", in)
	}
}

func TestQueryAndHeader(t *testing.T) {
	query := url.Values{"path": {"/x"}, "token": {"dapi1", "dapi2"}}
	assert.Equal(t, url.Values{"path": {"/x"}, "token": {Mark, Mark}}, Query(query))
	assert.Equal(t, "dapi1", query.Get("token"), "the caller's own stays")
	assert.Nil(t, Query(nil))

	assert.Equal(t, http.Header{"Authorization": {"Bearer [redacted]", Mark}, "Accept": {"*/*"}, "X-Databricks-Azure-Sp-Management-Token": {Mark}},
		Header(http.Header{"Authorization": {"Bearer dapi1", "dapi2"}, "Accept": {"*/*"}, "X-Databricks-Azure-Sp-Management-Token": {"eyJ"}}))
}

// A document keeps its meaning, and no secret under a sensitive name remains.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"password":{"a":["SECRET"]},"b":1}`))
	f.Add([]byte(`{"password":"SECRET`))
	f.Add([]byte("{\"a\\u0000\":[{}],\"command\":\"\\\"SECRET\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out := JSON(text)
		if json.Valid(text) && !json.Valid(out) {
			t.Errorf("%q became %q", text, out)
		}
		// Under a sensitive name, the same document contains nothing but marks.
		if json.Valid(text) {
			var value any
			if json.Unmarshal(JSON([]byte(`{"password":`+string(text)+`}`)), &value) == nil {
				walk(t, value.(map[string]any)["password"])
			}
		}
	})
}

func walk(t *testing.T, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			walk(t, member)
		}
	case []any:
		for _, element := range value {
			walk(t, element)
		}
	case nil:
	default:
		if value != Mark {
			t.Errorf("%v is left", value)
		}
	}
}
