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

// A Secret is text that must not be seen. With any verb of package fmt and in
// slog it shows as [redacted]; string(s) is the text itself, and so is its JSON
// form, which is what goes over the wire.
//
// There is one hole, in package fmt: a pointer printed with a verb that is not
// for it, as %s of a struct with pointers to structs in it, is shown without
// asking any type. Vet reports such calls.
type Secret string

// Format prints a stand-in, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redact.Mark) }

// String returns a stand-in, which is what a panic with a Secret prints.
func (s Secret) String() string { return redact.Mark }

// LogValue logs a stand-in.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// SparkEnvVars are environment variables of a cluster's nodes, by name. Values
// often are secrets: fmt and slog show the names only.
type SparkEnvVars map[string]string

// UnmarshalJSON also takes values that are not strings.
func (m *SparkEnvVars) UnmarshalJSON(text []byte) error {
	return unmarshalTexts(text, (*map[string]string)(m))
}

// Format prints the names, whatever the verb.
func (m SparkEnvVars) Format(f fmt.State, _ rune) { formatMap(f, m, func(string) bool { return true }) }

// LogValue logs the names.
func (m SparkEnvVars) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// SparkConf are properties of Spark, by name. Those that hold account keys,
// passwords, secrets or tokens, by their name, show as [redacted] with fmt and slog.
type SparkConf map[string]string

// UnmarshalJSON also takes values that are not strings, as samples of the REST
// API have them: {"spark.speculation": true}.
func (m *SparkConf) UnmarshalJSON(text []byte) error {
	return unmarshalTexts(text, (*map[string]string)(m))
}

// Format prints the properties without their secrets, whatever the verb.
func (m SparkConf) Format(f fmt.State, _ rune) { formatMap(f, m, redact.SensitiveKey) }

// LogValue logs the properties without their secrets.
func (m SparkConf) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// unmarshalTexts decodes a JSON object. Numbers and flags become the text that
// they are written as, and null becomes an empty text.
func unmarshalTexts(text []byte, m *map[string]string) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		return err
	}
	texts := make(map[string]string, len(values))
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

// Types that hold secrets log what their JSON form has, without the secrets.
// Package fmt asks the secrets themselves.

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
