package databrickstest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An apiError is what a handler returns to say no. Areas make them with the
// functions below; the form on the wire depends on the version of the API.
type apiError struct {
	status   int
	code     any // a string; an int where the service's gateway says so
	message  string
	scimType string // of SCIM, which has a form of its own
	class    string // of REST 1.2, where it is not the code
	header   http.Header
	details  []any // each with an "@type"
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %v: %s", e.status, e.code, e.message) }

// fail returns an error with any status and code.
func fail(status int, code, format string, args ...any) error {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// invalid returns 400 INVALID_PARAMETER_VALUE.
func invalid(format string, args ...any) error {
	return fail(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", format, args...)
}

// missingField returns the error for a required field that is not there.
func missingField(name string) error { return invalid("Missing required field '%s'", name) }

// badState returns 400 INVALID_STATE.
func badState(format string, args ...any) error {
	return fail(http.StatusBadRequest, "INVALID_STATE", format, args...)
}

// exists returns 400 RESOURCE_ALREADY_EXISTS.
func exists(format string, args ...any) error {
	return fail(http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS", format, args...)
}

// notFound returns 404 RESOURCE_DOES_NOT_EXIST.
func notFound(format string, args ...any) error {
	return fail(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", format, args...)
}

// denied returns 403 PERMISSION_DENIED.
func denied(format string, args ...any) error {
	return fail(http.StatusForbidden, "PERMISSION_DENIED", format, args...)
}

// malformed returns 400 MALFORMED_REQUEST.
func malformed(format string, args ...any) error {
	return fail(http.StatusBadRequest, "MALFORMED_REQUEST", "Could not parse request object: "+format, args...)
}

// exception returns the error of REST 1.2: status 500 with "class: text", or
// with the class alone if the text is empty.
func exception(class, format string, args ...any) error {
	return &apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", class: class, message: fmt.Sprintf(format, args...)}
}

// withDetails adds structured details to an error of fail and its kin.
func withDetails(err error, details ...any) error {
	if e, ok := errors.AsType[*apiError](err); ok {
		e.details = append(e.details, details...)
	}
	return err
}

// reply is the error as the given version of the API says it.
func (e *apiError) reply(path string) reply {
	// The gateway stands before all versions, and speaks for itself.
	gateway := e.status == http.StatusUnauthorized || e.status == http.StatusForbidden || e.status == http.StatusTooManyRequests ||
		e.code == "ENDPOINT_NOT_FOUND"
	if strings.HasPrefix(path, "/api/1.2/") && !gateway {
		text := strings.TrimSuffix(e.exceptionClass()+": "+e.message, ": ")
		return jsonReply(http.StatusInternalServerError, map[string]string{"error": text})
	}
	if code, ok := e.code.(string); ok && strings.HasPrefix(path, scimPath) && (strings.HasPrefix(code, "SCIM_") || e.status == http.StatusBadRequest) {
		return jsonReply(e.status, struct {
			Schemas  []string `json:"schemas"`
			Detail   string   `json:"detail"`
			Status   string   `json:"status"`
			ScimType string   `json:"scimType,omitzero"`
		}{[]string{"urn:ietf:params:scim:api:messages:2.0:Error"}, e.message, strconv.Itoa(e.status), e.scimType})
	}
	body := struct {
		Code    any    `json:"error_code"`
		Message string `json:"message"`
		Details []any  `json:"details,omitzero"`
	}{e.code, e.message, e.details}
	r := jsonReply(e.status, body)
	for name, values := range e.header {
		r.header[name] = values
	}
	return r
}

// exceptionClass is the error's name in REST 1.2.
func (e *apiError) exceptionClass() string {
	switch {
	case e.class != "":
		return e.class
	case e.code == "MALFORMED_REQUEST":
		return "JsonParseException"
	case e.code == "INVALID_PARAMETER_VALUE":
		return "IllegalArgumentException"
	}
	return "RuntimeException"
}
