package databrickstest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Formats of workspace/import and workspace/export.
const (
	formatSource    = "SOURCE"
	formatHTML      = "HTML"
	formatJupyter   = "JUPYTER"
	formatDBC       = "DBC"
	formatRMarkdown = "R_MARKDOWN"
	formatAuto      = "AUTO"
	formatRaw       = "RAW"
)

// A notebook has a language and a source. The source consists of cells with
// separators between them, without the marker line.
type notebook struct{ language, source string }

var languages = map[string]struct{ extension, comment string }{
	"PYTHON": {".py", "#"}, "R": {".r", "#"}, "SCALA": {".scala", "//"}, "SQL": {".sql", "--"},
}

func languageOf(extension string) string {
	for name, l := range languages {
		if strings.EqualFold(l.extension, extension) {
			return name
		}
	}
	return ""
}

func marker(language string) string {
	return languages[language].comment + " Databricks notebook source"
}

func hasMarker(language string, source []byte) bool {
	line, _, _ := strings.Cut(string(source), "\n")
	return strings.TrimRight(line, "\r") == marker(language)
}

// notebookOf parses a source, with or without the marker line.
func notebookOf(language string, source []byte) notebook {
	text := string(source)
	if hasMarker(language, source) {
		_, text, _ = strings.Cut(text, "\n")
	}
	return notebook{language, text}
}

func (n notebook) text() []byte { return []byte(marker(n.language) + "\n" + n.source) }

func (n notebook) separator() string {
	return "\n\n" + languages[n.language].comment + " COMMAND ----------\n\n"
}

func (n notebook) cells() []string { return strings.Split(n.source, n.separator()) }

func joined(language string, cells []string) notebook {
	n := notebook{language: language}
	n.source = strings.Join(cells, n.separator())
	return n
}

// magic returns the prefix of lines in a cell of another language.
func (n notebook) magic() string { return languages[n.language].comment + " MAGIC " }

// prose returns the text of a Markdown cell. The result is false for other
// cells.
func (n notebook) prose(cell string) (string, bool) {
	text, ok := strings.CutPrefix(cell, n.magic()+"%md")
	return strings.TrimLeft(strings.ReplaceAll(text, "\n"+n.magic(), "\n"), " \n"), ok
}

func (n notebook) fromProse(text string) string {
	return n.magic() + "%md " + strings.ReplaceAll(text, "\n", "\n"+n.magic())
}

// export returns the object in a format, and the file type in the response.
func (n *workspaceNode) export(name, format string) (data []byte, fileType string, err error) {
	refused := invalid("%s cannot be exported in format %s.", n.objectType, format)
	if !slices.Contains([]string{"", formatSource, formatHTML, formatJupyter, formatDBC, formatRMarkdown, formatAuto, formatRaw}, format) {
		return nil, "", invalid("Unknown format: %s", format)
	}
	plain := format == "" || format == formatSource || format == formatAuto
	switch {
	case n.isDir() && (format == formatDBC || plain):
		return n.zipped(name, format == formatDBC)
	case n.objectType == typeFile && (plain || format == formatRaw):
		data, err := n.content.bytes()
		return data, strings.TrimPrefix(path.Ext(name), "."), err
	case n.objectType != typeNotebook:
		return nil, "", refused
	case plain || format == formatRaw:
		return n.notebook.text(), languages[n.notebook.language].extension[1:], nil
	case format == formatDBC:
		return n.zipped(name, true)
	case format == formatHTML:
		return n.notebook.html(name), "html", nil
	case format == formatJupyter:
		return n.notebook.jupyter(name), "ipynb", nil
	case n.notebook.language != "R":
		return nil, "", refused
	}
	return n.notebook.rMarkdown(name), "Rmd", nil
}

// An archivedNotebook is a notebook in a DBC archive or in an HTML page.
type archivedNotebook struct {
	Version  string            `json:"version"`
	Name     string            `json:"name"`
	Language string            `json:"language"`
	Commands []archivedCommand `json:"commands"`
}

type archivedCommand struct {
	Command string `json:"command"`
}

func (n notebook) archive(name string) []byte {
	out := archivedNotebook{Version: "NotebookV1", Name: name, Language: strings.ToLower(n.language)}
	for _, cell := range n.cells() {
		out.Commands = append(out.Commands, archivedCommand{cell})
	}
	return encoded(out)
}

func encoded(value any) []byte {
	var text bytes.Buffer
	encodeJSON(&text, value)
	return text.Bytes()
}

func fromArchive(text []byte) (notebook, error) {
	var in archivedNotebook
	if err := json.Unmarshal(text, &in); err != nil || languages[strings.ToUpper(in.Language)].extension == "" {
		return notebook{}, invalid("The notebook is not valid.")
	}
	var cells []string
	for _, c := range in.Commands {
		cells = append(cells, c.Command)
	}
	return joined(strings.ToUpper(in.Language), cells), nil
}

// archiveManifest is a file in archives that is not a notebook.
const archiveManifest = "manifest.mf"

// zipped returns an archive of a directory or a notebook. The format is DBC, or
// else a zip file of sources and files.
func (n *workspaceNode) zipped(name string, dbc bool) (data []byte, fileType string, err error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	add := func(name string, data content) {
		w, createErr := archive.Create(name)
		if createErr == nil {
			createErr = data.writeTo(w, 0, data.size)
		}
		if err == nil {
			err = createErr
		}
	}
	if dbc {
		add(archiveManifest, contentOf(encoded(map[string]string{"version": "1.0"}))) // the content of the service's manifest is not known
	}
	n.walk(name, func(at string, n *workspaceNode) {
		switch {
		case n.isDir():
			add(at+"/", content{})
		case n.objectType == typeNotebook && dbc:
			add(at+"."+strings.ToLower(n.notebook.language), contentOf(n.notebook.archive(path.Base(at))))
		case n.objectType == typeNotebook:
			add(at+languages[n.notebook.language].extension, contentOf(n.notebook.text()))
		case n.objectType == typeFile && !dbc:
			add(at, n.content)
		}
	})
	if closeErr := archive.Close(); err == nil {
		err = closeErr
	}
	if dbc {
		return out.Bytes(), "dbc", err
	}
	return out.Bytes(), "zip", err
}

// unzip creates the objects in an archive. If the archive has one top-level
// entry, unzip returns it. Otherwise it returns a directory with all entries.
func (a *workspaceArea) unzip(c *call, data []byte, parse func(c *call, name string, data []byte) (*workspaceNode, string, error)) (*workspaceNode, error) {
	bad := invalid("The zip file may not be valid or may be an unsupported version.")
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, bad
	}
	top := a.node(c, typeDirectory)
	for _, entry := range archive.File {
		if path.Base(entry.Name) == archiveManifest {
			continue
		}
		dir := top
		names, err := a.path("/" + entry.Name)
		if err != nil || len(names) == 0 {
			return nil, bad
		}
		if !strings.HasSuffix(entry.Name, "/") {
			names = names[:len(names)-1]
		}
		for _, name := range names {
			if dir.children[name] == nil {
				dir.children[name] = a.node(c, typeDirectory)
			}
			if dir = dir.children[name]; !dir.isDir() {
				return nil, bad
			}
		}
		if strings.HasSuffix(entry.Name, "/") {
			continue
		}
		file, err := entry.Open()
		if err != nil {
			return nil, bad
		}
		content, err := io.ReadAll(io.LimitReader(file, maxBigBody))
		file.Close()
		if err != nil {
			return nil, bad
		}
		node, name, err := parse(c, path.Base(entry.Name), content)
		if err != nil {
			return nil, err
		}
		dir.children[name] = node
	}
	if len(top.children) == 1 {
		for _, only := range top.children {
			return only, nil
		}
	}
	return top, nil
}

// archived creates the notebook for an entry of a DBC archive.
func (a *workspaceArea) archived(c *call, name string, data []byte) (*workspaceNode, string, error) {
	book, err := fromArchive(data)
	node := a.node(c, typeNotebook)
	node.notebook = book
	return node, strings.TrimSuffix(name, path.Ext(name)), err
}

// html returns an HTML page. The page contains the notebook, so it can be
// imported again.
func (n notebook) html(name string) []byte {
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>%s - Databricks</title></head><body><script>\n"+
		"var __DATABRICKS_NOTEBOOK_MODEL = '%s';\n</script></body></html>\n",
		html.EscapeString(name), base64.StdEncoding.EncodeToString(n.archive(name)))
}

var htmlModel = regexp.MustCompile(`__DATABRICKS_NOTEBOOK_MODEL = '([^']*)'`)

func fromHTML(page []byte) (notebook, error) {
	if m := htmlModel.FindSubmatch(page); m != nil {
		if text, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
			return fromArchive(text)
		}
	}
	return notebook{}, invalid("The HTML is not an exported notebook.")
}

// A jupyterText is a string, or a list of lines in JSON.
type jupyterText string

func (t *jupyterText) UnmarshalJSON(text []byte) error {
	var lines []string
	if json.Unmarshal(text, &lines) == nil {
		*t = jupyterText(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(text, (*string)(t))
}

func (t jupyterText) MarshalJSON() ([]byte, error) {
	return json.Marshal(strings.SplitAfter(string(t), "\n"))
}

type jupyterCell struct {
	Type     string          `json:"cell_type"`
	Metadata struct{}        `json:"metadata"`
	Source   jupyterText     `json:"source"`
	Count    json.RawMessage `json:"execution_count,omitzero"` // null if the code was not run
	Outputs  json.RawMessage `json:"outputs,omitzero"`
}

type jupyterLanguage struct {
	Name string `json:"name"`
}

type jupyterNotebook struct {
	Cells    []jupyterCell `json:"cells"`
	Metadata struct {
		Name     string          `json:"name,omitzero"`
		Language jupyterLanguage `json:"language_info"`
	} `json:"metadata"`
	Format int `json:"nbformat"`
	Minor  int `json:"nbformat_minor"`
}

func (n notebook) jupyter(name string) []byte {
	out := jupyterNotebook{Format: 4}
	out.Metadata.Name, out.Metadata.Language.Name = name, strings.ToLower(n.language)
	for _, source := range n.cells() {
		cell := jupyterCell{Type: "code", Source: jupyterText(source), Count: json.RawMessage("null"), Outputs: json.RawMessage("[]")}
		if text, ok := n.prose(source); ok {
			cell = jupyterCell{Type: "markdown", Source: jupyterText(text)}
		}
		out.Cells = append(out.Cells, cell)
	}
	return encoded(out)
}

func fromJupyter(text []byte) (notebook, error) {
	var in jupyterNotebook
	if err := json.Unmarshal(text, &in); err != nil || in.Format == 0 {
		return notebook{}, invalid("The content is not a Jupyter notebook.")
	}
	book := notebook{language: strings.ToUpper(in.Metadata.Language.Name)}
	if languages[book.language].extension == "" {
		book.language = "PYTHON"
	}
	var cells []string
	for _, cell := range in.Cells {
		source := string(cell.Source)
		if cell.Type != "code" {
			source = book.fromProse(source)
		}
		cells = append(cells, source)
	}
	return joined(book.language, cells), nil
}

const chunkEnd = "\n```"

func (n notebook) rMarkdown(name string) []byte {
	out := "---\ntitle: " + strconv.Quote(name) + "\n---\n"
	for _, cell := range n.cells() {
		if text, ok := n.prose(cell); ok {
			out += "\n" + text + "\n"
		} else {
			out += "\n```{r}\n" + cell + chunkEnd + "\n"
		}
	}
	return []byte(out)
}

var rMarkdownHead = regexp.MustCompile(`(?s)\A---\n.*?\n---\n`)

func fromRMarkdown(text []byte) notebook {
	rest := rMarkdownHead.ReplaceAllString(strings.ReplaceAll(string(text), "\r\n", "\n"), "")
	book := notebook{language: "R"}
	var cells []string
	for rest != "" {
		prose, chunk, found := strings.Cut(rest, "```{r")
		if prose = strings.TrimSpace(prose); prose != "" {
			cells = append(cells, book.fromProse(prose))
		}
		if !found {
			break
		}
		_, chunk, _ = strings.Cut(chunk, "\n")
		code, after, _ := strings.Cut("\n"+chunk, chunkEnd)
		cells, rest = append(cells, strings.TrimPrefix(code, "\n")), after
	}
	return joined("R", cells)
}
