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
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// The first code that people see is that of an example, whose output is checked.
func TestReadme_firstSnippet(t *testing.T) {
	_, rest, _ := strings.Cut(readme(t), "```go\n")
	code, _, ok := strings.Cut(rest, "```")
	require.True(t, ok, "the README has no Go code")
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	assert.Contains(t, string(example), code)
}

// The table of areas names every method, and no call in the README has none.
func TestReadme_methods(t *testing.T) {
	text := readme(t)
	client := reflect.TypeFor[databricks.Client]()
	for i := range client.NumField() {
		area := client.Field(i)
		if !area.IsExported() {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `client\\." + area.Name + "` .*$").FindString(text)
		named := strings.FieldsFunc(row, func(r rune) bool { return r == ' ' || r == '|' || r == '·' })
		for j := range area.Type.NumMethod() {
			if method := area.Type.Method(j).Name; !slices.Contains(named, method) {
				t.Errorf("the table of areas lacks %s.%s", area.Name, method)
			}
		}
		for _, name := range named {
			if _, ok := area.Type.MethodByName(name); !ok && !strings.HasPrefix(name, "`") {
				t.Errorf("the table of areas has %s.%s, which is none", area.Name, name)
			}
		}
		for _, call := range regexp.MustCompile(`\b(?:client\.)?`+area.Name+`\.([A-Z]\w*)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(text, "w."+call[0]) { // the vendor's
				continue
			}
			if _, ok := area.Type.MethodByName(call[1]); !ok {
				t.Errorf("the README calls %s, which is none", call[0])
			}
		}
	}
}
