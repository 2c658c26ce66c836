package databricks_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

// plantedSecret is the value of every secret. JSON does not escape any of its
// characters.
const plantedSecret = "planted-secret-0042"

// reachableTypes collects the exported types of the module that the methods of t
// accept or return, at any depth.
func reachableTypes(t reflect.Type, found map[reflect.Type]bool) {
	if found[t] {
		return
	}
	found[t] = true
	for i := range t.NumMethod() {
		method := t.Method(i).Type
		for j := range method.NumIn() {
			reachableTypes(method.In(j), found)
		}
		for j := range method.NumOut() {
			reachableTypes(method.Out(j), found)
		}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		reachableTypes(t.Elem(), found)
	case reflect.Struct:
		for field := range t.Fields() {
			reachableTypes(field.Type, found)
		}
	case reflect.Func:
		for i := range t.NumIn() {
			reachableTypes(t.In(i), found)
		}
	}
}

// plantSecrets sets every secret at any depth of v, and reports whether there is
// one.
func plantSecrets(v reflect.Value, depth int) (planted bool) {
	if depth > 12 {
		return false
	}
	switch v.Interface().(type) {
	case databricks.Secret, databricks.SecretBytes:
		v.Set(reflect.ValueOf(plantedSecret).Convert(v.Type()))
		return true
	case databricks.SparkEnvVars:
		v.Set(reflect.ValueOf(databricks.SparkEnvVars{"NAME": plantedSecret}))
		return true
	case databricks.SparkConf:
		v.Set(reflect.ValueOf(databricks.SparkConf{"fs.azure.account.key.x": plantedSecret}))
		return true
	}
	switch v.Kind() {
	case reflect.Pointer:
		elem := reflect.New(v.Type().Elem())
		if v.Type().Elem().Kind() == reflect.Struct || v.Type().Elem().Kind() == reflect.String {
			if planted = plantSecrets(elem.Elem(), depth+1); planted {
				v.Set(elem)
			}
		}
	case reflect.Slice:
		elem := reflect.New(v.Type().Elem()).Elem()
		if planted = plantSecrets(elem, depth+1); planted {
			v.Set(reflect.Append(v, elem))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() && plantSecrets(field, depth+1) {
				planted = true
			}
		}
	}
	return planted
}

// Every type that contains a secret, at any depth, is logged without it, with every
// handler and every verb.
func TestSecrets_areNotLogged(t *testing.T) {
	found := map[reflect.Type]bool{}
	for _, client := range []any{&databricks.Client{}, &v12.Client{}, &v12.Session{}} {
		reachableTypes(reflect.TypeOf(client), found)
	}
	for _, credential := range []databricks.Credential{databricks.OAuthM2M{}, databricks.GitHubOIDC{}, databricks.AzureDevOpsOIDC{}, databricks.EnvOIDC{}, databricks.FileOIDC{},
		databricks.AzureClientSecret{}, databricks.AzureMSI{}, databricks.AzureWorkloadIdentity{}, databricks.GitHubOIDCAzure{}, databricks.AzureCLI{}, databricks.DatabricksCLI{},
		databricks.MetadataService{}} {
		found[reflect.TypeOf(credential)] = true
	}
	types := slices.SortedFunc(maps.Keys(found), func(a, b reflect.Type) int { return strings.Compare(a.String(), b.String()) })
	holders := 0
	for _, typ := range types {
		if typ.Kind() != reflect.Struct || typ.Name() == "" || !strings.Contains(typ.PkgPath(), "go-databricks") {
			continue
		}
		v := reflect.New(typ)
		if !plantSecrets(v.Elem(), 0) {
			continue
		}
		holders++
		for _, value := range []any{v.Interface(), v.Elem().Interface()} {
			if _, ok := value.(slog.LogValuer); !ok {
				t.Errorf("%T holds a secret and has no LogValue", value)
			}
			var out bytes.Buffer
			for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				log := slog.New(handler)
				log.Info("m", "v", value)
				log.With("v", value).WithGroup("g").Info("m", slog.Group("h", "v", value))
			}
			fmt.Fprintf(&out, "%v %+v %#v", value, value, value)
			assert.NotContains(t, out.String(), plantedSecret, "%s", typ)
			assert.NotContains(t, out.String(), fmt.Sprintf("%x", plantedSecret), "%s", typ)
		}
	}
	assert.Greater(t, holders, 20, "types that hold secrets")
}
