package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Constants reads the string constants that have their own type. packages maps
// import paths to directories. The keys of the result are types, such as
// "example.com/pkg.State".
func Constants(packages map[string]string) (map[string][]string, error) {
	constants := map[string][]string{}
	for path, dir := range packages {
		files, err := Parse(dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			for _, decl := range file.Decls {
				decl, ok := decl.(*ast.GenDecl)
				if !ok || decl.Tok != token.CONST {
					continue
				}
				for _, spec := range decl.Specs {
					spec := spec.(*ast.ValueSpec)
					typ, ok := spec.Type.(*ast.Ident)
					if !ok {
						continue
					}
					for _, v := range spec.Values {
						if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
							text, err := strconv.Unquote(lit.Value)
							if err != nil {
								return nil, err
							}
							key := path + "." + typ.Name
							constants[key] = append(constants[key], text)
						}
					}
				}
			}
		}
	}
	return constants, nil
}

// Files has the positions of what Parse returns.
var Files = token.NewFileSet()

// Parse reads the Go files in a directory, except for tests.
func Parse(dir string) (map[string]*ast.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]*ast.File{}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = parser.ParseFile(Files, filepath.Join(dir, name), nil, parser.ParseComments); err != nil {
			return nil, err
		}
	}
	return files, nil
}
