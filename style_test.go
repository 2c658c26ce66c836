package databricks

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/internal/contract"
)

// These tests check rules of CONTRIBUTING.md that linters do not check.

// parseDirs parses the Go files of directories, except for tests. The keys are
// paths.
func parseDirs(t *testing.T, dirs ...string) map[string]*ast.File {
	all := map[string]*ast.File{}
	for _, dir := range dirs {
		files, ok := parsed[dir]
		if !ok {
			var err error
			files, err = contract.Parse(dir)
			require.NoError(t, err)
			parsed[dir] = files
		}
		for name, file := range files {
			all[path.Join(dir, name)] = file
		}
	}
	return all
}

// parsed caches the results of parseDirs.
var parsed = map[string]map[string]*ast.File{}

func position(n ast.Node) string { return contract.Files.Position(n.Pos()).String() }

// initialisms are words of JSON names that are not simply capitalized in Go names.
var initialisms = map[string]string{}

func init() {
	for _, word := range strings.Fields(`
		ABFSS ACL ACLs AI API ARN AWS BI CIDR CLI CPU CPUs CRAN DAG DB DBC DBFS DBR DBT DL DLT DNS EBS ETag GB GCP GCS GPU GPUs HDD HTML
		HTTP HTTPS ID IDs IO IOPS IP JAR JDBC JSON JWT KMS LRS MB ML MLflow NFS NVMe PyPI REPL REST S3 SHA SKU SQL SSD SSDs SSE SSH TLS TTL
		UC UI URI URL UTC VCPUs VM VPC XML YAML`) {
		initialisms[strings.ToLower(word)] = word
	}
}

// goName returns the Go name for a JSON name.
func goName(wire string) string {
	var name strings.Builder
	for _, word := range strings.FieldsFunc(camelHump.ReplaceAllString(wire, "${1}_$2"), func(r rune) bool { return r == '_' || r == '@' }) {
		word = strings.ToLower(word)
		if initialism, ok := initialisms[word]; ok {
			name.WriteString(initialism)
		} else {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}

var camelHump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// renamed are fields whose Go name differs from the one derived from the JSON name.
var renamed = map[string]string{
	"ListClusterEvents.PageSize":  "limit is a total everywhere else",
	"ListJobs.PageSize":           "limit is a total everywhere else",
	"ListRuns.PageSize":           "limit is a total everywhere else",
	"ModifiedAtInteractive.Time":  "its type says that it is milliseconds",
	"ListPolicyFamilies.PageSize": "it is what the number of items requested at a time is called everywhere else",
	"SetPermissions.Object":       "parameters in the path are called for what they are",
	"SetPermissions.ID":           "parameters in the path are called for what they are",
	"UpdatePermissions.Object":    "parameters in the path are called for what they are",
	"UpdatePermissions.ID":        "parameters in the path are called for what they are",
	"ListVolumes.PageSize":        "it is what the number of items requested at a time is called everywhere else",
	"ListOptions.PageSize":        "it is what the number of items requested at a time is called everywhere else",
	"ListOptions.PageToken":       "it is what a position in a list is called everywhere else",
	"ComplexValue.Ref":            "Go names have no $",
	"CommandStatus.State":         "it is what states are called everywhere else",
}

// No field has omitempty, which omits zero values that mean something. Each Go name
// is derived from its JSON name.
func TestStyle_tags(t *testing.T) {
	for _, file := range parseDirs(t, ".", "scim", "v12") {
		ast.Inspect(file, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok && f.Tag != nil {
				assert.NotContains(t, f.Tag.Value, "omitempty", "%s: want omitzero", position(f))
			}
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			object, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range object.Fields.List {
				if f.Tag == nil || len(f.Names) != 1 {
					continue
				}
				tag, err := strconv.Unquote(f.Tag.Value)
				require.NoError(t, err, position(f))
				wire, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
				if place := spec.Name.Name + "." + f.Names[0].Name; wire != "-" && renamed[place] == "" {
					if want := goName(wire); f.Names[0].Name != want {
						t.Errorf("%s: %s is %q on the wire; want %s", position(f), place, wire, want)
					}
				}
			}
			return true
		})
	}
}

// Readers find the method of a call by searching for its path. Each path is a
// literal in one file. Paths of jobs have no version, because WithJobsAPI selects
// it.
func TestStyle_paths(t *testing.T) {
	literals := map[string][]string{} // by path
	for name, file := range parseDirs(t, ".", "scim", "v12") {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				if !slices.Contains(literals[text], name) {
					literals[text] = append(literals[text], name)
				}
			}
			return true
		})
	}
	c := contractChecker()
	areas, err := contract.Load("testdata/contract", "scim", "v12")
	require.NoError(t, err)
	c.Areas = append(c.Areas, areas...)
	for _, ops := range c.Scope() {
		for _, op := range ops {
			path := op.Path
			if version, tail, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/"); strings.HasPrefix(tail, "jobs/") && version != "1.2" {
				path = "/" + tail
			}
			assert.Len(t, literals[path], 1, "files with the path of %s %s", op.Method, path)
		}
	}
}

// sourceFiles returns the paths of all files in this repository that people wrote.
func sourceFiles(t *testing.T) (files []string) {
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if base == "node_modules" || strings.HasPrefix(base, ".") && base != "." && base != ".ci" && base != ".github" {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains([]string{".go", ".md", ".yml", ".yaml", ".json", ".js", ".mjs", ".ts", ".sh", ".py", ".mod", ""}, filepath.Ext(base)) {
			files = append(files, name)
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

// Committed files contain no open tasks and no paths of a machine.
func TestStyle_leftovers(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	leftover := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	machine := regexp.MustCompile(`(?m)(^|[\s"'(=:])/(work/main|root/|home/[a-z]+/(go|src|work)\b)|"resolved": *"http`)
	hints := []string{"TO" + "DO", "FIX" + "ME", "/root/", "/home/", "resolved", here + "/"}
	for _, name := range sourceFiles(t) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if !slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(string(text), hint) }) {
			continue // the expressions are slow
		}
		for i, line := range strings.Split(string(text), "\n") {
			if leftover.MatchString(line) || strings.Contains(line, here+"/") || machine.MatchString(line) && name != "style_test.go" {
				t.Errorf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// The Go code in the README compiles.
func TestStyle_readme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var programs, tests []string
	for i, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1) {
		code := string(block[1])
		if !strings.HasPrefix(code, "package ") && !strings.Contains(code, "\npackage ") {
			code = snippet(code)
		}
		// The package exists only for this build.
		dir, written := fmt.Sprintf("readme%d", i), filepath.Join(t.TempDir(), "readme.go")
		require.NoError(t, os.WriteFile(written, []byte(code), 0o600))
		if strings.Contains(code, "testing.T") {
			overlay.Replace[filepath.Join(here, dir, "readme_test.go")] = written
			tests = append(tests, "./"+dir)
		} else {
			overlay.Replace[filepath.Join(here, dir, "readme.go")] = written
			programs = append(programs, "./"+dir)
		}
	}
	if len(overlay.Replace) == 0 {
		t.Fatal("the README has no Go code")
	}
	text, err := json.Marshal(overlay)
	require.NoError(t, err)
	overlayFile := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, text, 0o600))
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the program go is not in PATH")
	}
	compile := func(packages []string, args ...string) {
		if len(packages) > 0 {
			out, err := exec.CommandContext(t.Context(), "go", slices.Concat(args, []string{"-overlay=" + overlayFile}, packages)...).CombinedOutput()
			assert.NoError(t, err, "%s", out)
		}
	}
	compile(programs, "build", "-o", os.DevNull)
	compile(tests, "test", "-c", "-vet=off", "-o", os.DevNull)
}

// snippet returns a file with the statements or declarations of the README.
func snippet(code string) string {
	imports := ""
	for _, imported := range []string{
		"context", "errors", "fmt", "io", "io/fs", "log", "log/slog", "net/http", "os", "slices", "strings", "testing", "testing/synctest", "time",
		modulePath, modulePath + "/databrickstest", modulePath + "/scim", modulePath + "/v12",
	} {
		if regexp.MustCompile(`\b` + path.Base(imported) + `\.[A-Z]`).MatchString(code) {
			imports += fmt.Sprintf("import %q\n", imported)
		}
	}
	if regexp.MustCompile(`(?m)^(func|type|var|const) `).MatchString(code) {
		return "package readme\n\n" + imports + "\n" + code
	}
	for _, needed := range []string{"context", modulePath} {
		if line := fmt.Sprintf("import %q\n", needed); !strings.Contains(imports, line) {
			imports += line
		}
	}
	whole := func(used string) string {
		return "package readme\n\n" + imports + "\nfunc _(ctx context.Context, client *databricks.Client) (err error) {\n{\n" + code + "\n" + used + "return err\n}\n}\n"
	}
	// Variables that a snippet only declares count as used.
	used := ""
	if file, err := parser.ParseFile(token.NewFileSet(), "", whole(""), 0); err == nil {
		for _, statement := range file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt).List {
			if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
				for _, name := range assign.Lhs {
					if ident := name.(*ast.Ident).Name; ident != "_" {
						used += "_ = " + ident + "\n"
					}
				}
			}
		}
	}
	return whole(used)
}
