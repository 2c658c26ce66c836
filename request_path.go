package databricks

import (
	"net/http"
	"net/url"
	"strings"
)

func put(path string) Request    { return Request{Method: http.MethodPut, Path: path} }
func update(path string) Request { return Request{Method: http.MethodPatch, Path: path} }

// element puts an argument in the place of {name} in the path, as one element of
// it or, if nested, as several.
func (r Request) element(name, value string) Request {
	switch {
	case value == "":
		r = r.check(badArg(name, missing))
	case value == "." || value == ".." || strings.ContainsAny(value, "/?#"):
		r = r.check(badArg(name, "%q is not valid; it cannot contain / ? or #", value))
	}
	return r.elements(name, value)
}

// elements puts an argument of our own making, which may have slashes, in the
// place of {name} in the path.
func (r Request) elements(name, value string) Request {
	if r.PathTemplate == "" {
		r.PathTemplate = r.Path
	}
	r.Path = strings.Replace(r.Path, "{"+name+"}", value, 1)
	return r
}

// at puts the path of an object, which begins with a slash and whose names may hold
// any character, in the place of /{name} in the path.
func (r Request) at(name, path string) Request {
	r.PathTemplate = r.Path
	r.Path, r.object = strings.Replace(r.Path, "/{"+name+"}", path, 1), true
	return r
}

// escapePath escapes each name in a path, semicolons and commas too, which some
// servers take for more than a character of a name.
func escapePath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = url.PathEscape(name)
	}
	return strings.Join(names, "/")
}
