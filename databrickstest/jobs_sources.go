package databrickstest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// WithAnySource lets tasks succeed even if their notebook, file or script is
// not in the workspace. Without this option, such a task fails as in the
// service, unless a script determines its outcome (see [WithRuns]).
func WithAnySource() Option { return func(s *Server) { s.jobs.anySource = true } }

// identity returns the user as whom a run acts: the one in the settings of the
// job, or else the creator.
func (r *run) identity(s *Server) *user {
	for _, name := range []string{r.runAs(), r.creator, AdminName} {
		if u := s.identities.byName[name]; u != nil {
			return u
		}
	}
	return &user{name: r.creator} // the user was deleted
}

func (r *run) runAs() string {
	switch {
	case r.job != nil:
		return r.job.runAs.name()
	case r.view.RunAs != nil:
		return r.view.RunAs.name()
	}
	return r.creator
}

// A taskSource is the code of a task: a notebook or the content of a file.
type taskSource struct {
	notebook *notebook
	file     *content
}

// source returns the code of a task. If the workspace cannot read it, problem
// says why.
func (a *jobsArea) source(t *attempt, now time.Time) (found taskSource, problem string) {
	c := &call{Server: a.server, user: t.run.identity(a.server), now: now}
	git := func(source string) bool { return source == "GIT" || source == "" && t.run.view.Git != nil }
	missing := func(what, path string) string {
		return fmt.Sprintf("%s %s. Either it does not exist, or the identity used to run this job, %s, lacks the required permissions.", what, path, c.user.name)
	}
	switch v := t.view(); {
	case v.Notebook != nil && !git(v.Notebook.Source):
		node := c.workspace.readable(c, v.Notebook.Path, "CAN_RUN")
		if node == nil || node.objectType != typeNotebook {
			return found, missing("Unable to access the notebook", fmt.Sprintf("%q", v.Notebook.Path))
		}
		found.notebook = &node.notebook
	case v.Python != nil && !git(v.Python.Source):
		file, known := c.fileAt(v.Python.File)
		if known && file == nil {
			return found, missing("Cannot read the python file", v.Python.File)
		}
		found.file = file
	case v.SQL != nil && v.SQL.File != nil && !git(v.SQL.File.Source):
		file, known := c.fileAt(v.SQL.File.Path)
		if known && file == nil {
			return found, missing("Unable to access the file", v.SQL.File.Path)
		}
		found.file = file
	case v.Submit != nil:
		name := submitted(v.Submit.Params)
		file, known := c.fileAt(name)
		if name != "" && known && file == nil {
			return found, missing("Unable to access the file", name)
		}
	case v.Dbt != nil && v.Dbt.Source == "WORKSPACE" && v.Dbt.Directory != "":
		if node := c.workspace.readable(c, v.Dbt.Directory, "CAN_READ"); node == nil || !node.isDir() {
			return found, missing("Unable to access the directory", v.Dbt.Directory)
		}
	}
	return found, ""
}

// submitted returns the file that the parameters of spark-submit name.
func submitted(params []string) string {
	for i := 0; i < len(params); i++ {
		switch name := params[i]; {
		case !strings.HasPrefix(name, "-"):
			return name
		case !strings.Contains(name, "=") && !slices.Contains([]string{"--verbose", "-v", "--supervise", "--version", "--help", "-h"}, name):
			i++ // skip the option's value
		}
	}
	return ""
}

// readable returns the object at a path. It returns nil if the object does not
// exist, or if the caller lacks the permission level.
func (a *workspaceArea) readable(c *call, path, level string) *workspaceNode {
	names, err := a.reach(c, path, level)
	if err != nil {
		return nil
	}
	node, err := a.find(names)
	if err != nil {
		return nil
	}
	return node
}

// fileAt returns the content of a file in the workspace, in a volume or in
// DBFS. It returns nil if the file does not exist or the caller may not read
// it. For a path of any other storage, known is false.
func (c *call) fileAt(path string) (file *content, known bool) {
	scheme, _, _ := strings.Cut(path, ":/")
	switch {
	case strings.HasPrefix(path, "/Volumes/"), strings.HasPrefix(path, "dbfs:/Volumes/"):
		path = strings.TrimPrefix(path, "dbfs:")
		vol, names, err := c.Server.files.locate(c, path)
		if err != nil {
			return nil, true
		}
		if node := vol.find(names); node != nil && !node.isDir() {
			return &node.content, true
		}
		return nil, true
	case strings.HasPrefix(path, "dbfs:/"), strings.HasPrefix(path, "/dbfs/"):
		names, err := c.dbfs.path("dbfs:/" + strings.TrimLeft(path[len("dbfs:/"):], "/"))
		if err != nil {
			return nil, true
		}
		if node := c.dbfs.find(names); node != nil && !node.isDir() {
			return &node.content, true
		}
		return nil, true
	case strings.HasPrefix(path, "/"):
		if node := c.workspace.readable(c, path, "CAN_READ"); node != nil && node.objectType == typeFile {
			return &node.content, true
		}
		return nil, true
	case scheme == path: // a relative path, which refers to nothing
		return nil, true
	}
	return nil, false
}

// bytes returns all bytes of a content.
func (c content) bytes() ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, c.size))
	err := c.writeTo(out, 0, c.size)
	return out.Bytes(), err
}
