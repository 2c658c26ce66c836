package databricks_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// The first code in the README is an example with checked output.
func TestReadme_firstSnippet(t *testing.T) {
	_, rest, _ := strings.Cut(readme(t), "```go\n")
	code, _, ok := strings.Cut(rest, "```")
	require.True(t, ok, "the README has no Go code")
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	assert.Contains(t, string(example), code)
}

// The table of areas lists every method, and the README calls only existing
// methods.
func TestReadme_methods(t *testing.T) {
	text := readme(t)
	for area := range reflect.TypeFor[databricks.Client]().Fields() {
		if !area.IsExported() {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `client\\." + area.Name + "` .*$").FindString(text)
		named := strings.FieldsFunc(row, func(r rune) bool { return r == ' ' || r == '|' || r == '·' })
		for method := range area.Type.Methods() {
			if !slices.Contains(named, method.Name) {
				t.Errorf("the table of areas lacks %s.%s", area.Name, method.Name)
			}
		}
		for _, name := range named {
			if _, ok := area.Type.MethodByName(name); !ok && !strings.HasPrefix(name, "`") {
				t.Errorf("the table of areas has %s.%s, which is none", area.Name, name)
			}
		}
		for _, call := range regexp.MustCompile(`\b(?:client\.)?`+area.Name+`\.([A-Z]\w*)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(text, "w."+call[0]) { // a call of the vendor's SDK
				continue
			}
			if _, ok := area.Type.MethodByName(call[1]); !ok {
				t.Errorf("the README calls %s, which is none", call[0])
			}
		}
	}

	row := regexp.MustCompile("(?m)^\\| `v12\\.NewClient.*$").FindString(text)
	for area := range reflect.TypeFor[v12.Client]().Fields() {
		if !area.IsExported() {
			continue
		}
		calls := regexp.MustCompile(area.Name + `: ([\w ]+)`).FindStringSubmatch(row)
		require.NotNil(t, calls, "v12 %s", area.Name)
		named := strings.Fields(calls[1])
		for method := range area.Type.Methods() {
			if !slices.Contains(named, method.Name) && !strings.HasPrefix(method.Name, "Wait") {
				t.Errorf("the table of areas lacks %s.%s of v12", area.Name, method.Name)
			}
		}
		for _, name := range named {
			if _, ok := area.Type.MethodByName(name); !ok {
				t.Errorf("the table of areas has %s.%s of v12, which is none", area.Name, name)
			}
		}
	}
}
