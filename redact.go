package databricks

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/go-databricks/databricks/internal/redact"
)

// A Secret is text that must not be shown. Package fmt and package slog show it
// as [redacted]. string(s) returns the text. JSON contains the text, because
// requests need it.
//
// Package fmt has one exception: it prints a pointer with a wrong verb without
// calling any method. An example is %s for a struct that contains pointers to
// structs. Vet reports such calls.
type Secret string

// Format writes [redacted] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redact.Mark) }

// String returns [redacted]. A panic with a Secret prints it.
func (s Secret) String() string { return redact.Mark }

// LogValue returns [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// SparkEnvVars are environment variables of a cluster's nodes, by name. Their
// values are often secret, so fmt and slog show only the names.
type SparkEnvVars map[string]string

// UnmarshalJSON also accepts values that are not strings.
func (m *SparkEnvVars) UnmarshalJSON(text []byte) error {
	return unmarshalTexts(text, (*map[string]string)(m))
}

// Format writes the names for every verb.
func (m SparkEnvVars) Format(f fmt.State, _ rune) { formatMap(f, m, func(string) bool { return true }) }

// LogValue returns the names.
func (m SparkEnvVars) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// SparkConf are Spark properties, by name. Package fmt and package slog show
// the value of a property as [redacted] if its name says that it is an account
// key, a password, a secret or a token.
type SparkConf map[string]string

// UnmarshalJSON also accepts values that are not strings, as in
// {"spark.speculation": true}.
func (m *SparkConf) UnmarshalJSON(text []byte) error {
	return unmarshalTexts(text, (*map[string]string)(m))
}

// Format writes the properties without secret values, for every verb.
func (m SparkConf) Format(f fmt.State, _ rune) { formatMap(f, m, redact.SensitiveKey) }

// LogValue returns the properties without secret values.
func (m SparkConf) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// unmarshalTexts decodes a JSON object. Numbers and booleans become text, and
// null becomes an empty string.
func unmarshalTexts(text []byte, m *map[string]string) error {
	var texts map[string]string
	if json.Unmarshal(text, &texts) == nil { // usually all values are strings
		if texts != nil {
			*m = texts
		}
		return nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		return err
	}
	texts = make(map[string]string, len(values))
	for name, value := range values {
		switch value[0] {
		case '"':
			var s string
			if err := json.Unmarshal(value, &s); err != nil {
				return err
			}
			texts[name] = s
		case 'n':
			texts[name] = ""
		default:
			texts[name] = string(value)
		}
	}
	*m = texts
	return nil
}

func formatMap(f fmt.State, m map[string]string, secret func(key string) bool) {
	io.WriteString(f, "map[")
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			io.WriteString(f, " ")
		}
		value := m[key]
		if secret(key) {
			value = redact.Mark
		}
		io.WriteString(f, key+":"+value)
	}
	io.WriteString(f, "]")
}

// formatJSON writes the JSON form of a value without its secrets, for every verb.
func formatJSON(f fmt.State, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(redact.Mark)
	}
	_, _ = f.Write(redact.JSON(text))
}

// Types that contain secrets log their JSON form without the secrets. In package
// fmt, the secrets hide themselves.

// LogValue logs the value without its secrets.
func (v AzureAttributes) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v AzureClientSecret) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v Cluster) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v ClusterEvent) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v ClusterEventDetails) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v ClusterSpec) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v DockerBasicAuth) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v DockerImage) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v ForEachTask) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v Job) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v JobCluster) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v JobSettings) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v LogAnalyticsInfo) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v OAuthM2M) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v Page[T]) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v Run) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v RunCluster) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v RunOutput) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v RunTask) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v SubmitRun) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v Task) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v TaskOutput) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v UpdateCluster) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v UpdateJob) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v ClusterCompliance) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v CreatePool) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v InstancePool) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v PendingEnforcement) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the value without its secrets.
func (v PolicyCompliance) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the options without the secret of Resume.
func (v UploadOptions) LogValue() slog.Value { return redact.LogValue(v) }
