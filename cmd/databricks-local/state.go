package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// A state is the initial state of the workspace.
type state struct {
	Users      []databrickstest.User             `json:"users"`
	Principals []databrickstest.ServicePrincipal `json:"service_principals"`
	Secrets    map[string]map[string]string      `json:"secrets"`   // values by scope and key
	DBFS       map[string]string                 `json:"dbfs"`      // texts by path
	Workspace  map[string]string                 `json:"workspace"` // sources by path
	Schemas    []string                          `json:"schemas"`   // catalog.schema
	Volumes    []string                          `json:"volumes"`   // catalog.schema.volume
	Files      map[string]string                 `json:"files"`     // texts by path in volumes
	Policies   []json.RawMessage                 `json:"policies"`  // input of policies/clusters/create
	Pools      []json.RawMessage                 `json:"pools"`     // input of instance-pools/create
	Clusters   []json.RawMessage                 `json:"clusters"`  // input of clusters/create
	Jobs       []json.RawMessage                 `json:"jobs"`      // input of jobs/create
}

// languages are the languages of notebooks, by the extensions of their paths.
var languages = map[string]databricks.WorkspaceLanguage{
	".py": databricks.LanguagePython, ".scala": databricks.LanguageScala, ".sql": databricks.LanguageSQL, ".r": databricks.LanguageR,
}

// read decodes a JSON file into a value. If the name is empty, it does nothing.
func read(name string, into any) error {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := decodeStrictly(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// decodeStrictly decodes one JSON value. It rejects unknown members.
func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("the file has more than one JSON value")
	}
	return nil
}

// check returns an error for invalid values that fill does not detect.
func (s *state) check() error {
	for i, u := range s.Users {
		if u.Name == "" {
			return fmt.Errorf("users: number %d has no name", i+1)
		}
	}
	for i, p := range s.Principals {
		if p.ApplicationID == "" {
			return fmt.Errorf("service_principals: number %d has no application_id", i+1)
		}
	}
	for _, name := range s.Schemas {
		if !names(name, 2) {
			return fmt.Errorf("schemas: %q is not catalog.schema", name)
		}
	}
	for _, name := range s.Volumes {
		if !names(name, 3) {
			return fmt.Errorf("volumes: %q is not catalog.schema.volume", name)
		}
	}
	return nil
}

// names reports whether a text consists of n names with dots between them.
func names(text string, n int) bool {
	parts := strings.Split(text, ".")
	return len(parts) == n && !slices.Contains(parts, "")
}

// fill creates the objects of s, as the admin.
func (s *state) fill(ctx context.Context, client *databricks.Client) error {
	for _, scope := range slices.Sorted(maps.Keys(s.Secrets)) {
		if err := client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: scope}); err != nil {
			return fmt.Errorf("secrets: %w", err)
		}
		for key, value := range s.Secrets[scope] {
			if err := client.Secrets.Put(ctx, databricks.PutSecret{Scope: scope, Key: key, StringValue: new(databricks.Secret(value))}); err != nil {
				return fmt.Errorf("secrets: %s/%s: %w", scope, key, err)
			}
		}
	}
	for name, text := range s.DBFS {
		if err := client.DBFS.Put(ctx, databricks.PutContents{Path: name, Contents: []byte(text), Overwrite: true}); err != nil {
			return fmt.Errorf("dbfs: %s: %w", name, err)
		}
	}
	for name, text := range s.Files {
		if err := client.Files.PutFile(ctx, name, strings.NewReader(text), databricks.PutFileOptions{Overwrite: true}); err != nil {
			return fmt.Errorf("files: %s: %w", name, err)
		}
	}
	for name, source := range s.Workspace {
		extension := path.Ext(name)
		language, ok := languages[extension]
		if !ok {
			return fmt.Errorf("workspace: %s: the extension must be .py, .scala, .sql or .r", name)
		}
		if err := client.Workspace.Mkdirs(ctx, path.Dir(name)); err != nil {
			return fmt.Errorf("workspace: %s: %w", name, err)
		}
		_, err := client.Workspace.Import(ctx, databricks.ImportObject{Path: strings.TrimSuffix(name, extension), Language: language, Content: []byte(source)})
		if err != nil {
			return fmt.Errorf("workspace: %s: %w", name, err)
		}
	}
	for _, list := range []struct {
		of, path string
		bodies   []json.RawMessage
	}{
		{"policies", "/api/2.0/policies/clusters/create", s.Policies},
		{"pools", "/api/2.0/instance-pools/create", s.Pools},
		{"clusters", "/api/2.0/clusters/create", s.Clusters},
		{"jobs", "/api/2.1/jobs/create", s.Jobs},
	} {
		for i, body := range list.bodies {
			if err := client.Do(ctx, databricks.Request{Method: "POST", Path: list.path, Body: body}, nil); err != nil {
				return fmt.Errorf("%s: number %d: %w", list.of, i+1, err)
			}
		}
	}
	return nil
}
