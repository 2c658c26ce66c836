// Command api prints the exported API of packages as sorted text, with one declaration
// per line. The output is under version control, so that a review shows which
// declarations a change adds, changes or removes.
//
//	go run -C tools ./api .. . ./v12 > api.txt
//
// The first argument is the directory to run in.
package main

import (
	"fmt"
	"go/constant"
	"go/types"
	"log"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: api directory packages")
	}
	config := &packages.Config{Dir: os.Args[1], Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps}
	found, err := packages.Load(config, os.Args[2:]...)
	if err != nil {
		log.Fatal(err)
	}
	if packages.PrintErrors(found) > 0 {
		os.Exit(1)
	}
	for _, p := range found {
		lines := list(p.Types)
		slices.Sort(lines)
		for _, line := range slices.Compact(lines) {
			fmt.Printf("pkg %s, %s\n", p.PkgPath, line)
		}
	}
}

// list returns a line for each exported declaration, field and method.
func list(pkg *types.Package) (lines []string) {
	text := func(t types.Type) string { return types.TypeString(t, types.RelativeTo(pkg)) }
	for _, name := range pkg.Scope().Names() {
		object := pkg.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch object := object.(type) {
		case *types.Const:
			value := object.Val().ExactString()
			if object.Val().Kind() == constant.String {
				value = fmt.Sprintf("%q", constant.StringVal(object.Val()))
			}
			lines = append(lines, fmt.Sprintf("const %s %s = %s", name, text(object.Type()), value))
		case *types.Var:
			lines = append(lines, fmt.Sprintf("var %s %s", name, text(object.Type())))
		case *types.Func:
			lines = append(lines, "func "+name+signature(object, text))
		case *types.TypeName:
			lines = append(lines, listType(object, text)...)
		}
	}
	return lines
}

func signature(f *types.Func, text func(types.Type) string) string {
	return strings.TrimPrefix(text(f.Type()), "func")
}

func listType(object *types.TypeName, text func(types.Type) string) []string {
	name := object.Name()
	if object.IsAlias() {
		return []string{fmt.Sprintf("type %s = %s", name, text(types.Unalias(object.Type())))}
	}
	var lines []string
	underlying := object.Type().Underlying()
	if fields, ok := underlying.(*types.Struct); ok {
		lines = append(lines, fmt.Sprintf("type %s struct", name))
		for i := range fields.NumFields() {
			if f := fields.Field(i); f.Exported() {
				lines = append(lines, fmt.Sprintf("type %s struct, %s %s %s", name, f.Name(), text(f.Type()), fields.Tag(i)))
			}
		}
	} else {
		lines = append(lines, fmt.Sprintf("type %s %s", name, text(underlying)))
	}
	for _, receiver := range []types.Type{object.Type(), types.NewPointer(object.Type())} {
		methods := types.NewMethodSet(receiver)
		for i := range methods.Len() {
			method, ok := methods.At(i).Obj().(*types.Func)
			if !ok || !method.Exported() || len(methods.At(i).Index()) > 1 { // promoted methods are listed with their own type
				continue
			}
			_, pointer := method.Signature().Recv().Type().(*types.Pointer)
			if _, isPointer := receiver.(*types.Pointer); pointer != isPointer {
				continue
			}
			lines = append(lines, fmt.Sprintf("method (%s) %s%s", text(receiver), method.Name(), signature(method, text)))
		}
	}
	return lines
}
