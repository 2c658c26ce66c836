package databrickstest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An apiError is the error of a handler. Areas create it with the functions
// below. Its format on the wire depends on the version of the API.
type apiError struct {
	status   int
	code     any // a string, or an int for errors of the service's gateway
	message  string
	scimType string // scimType of SCIM, which has its own error format
	class    string // exception class of REST 1.2, if it differs from the code
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

// missingField returns the error for a required field that is unset.
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

// brokenBody is the error for a body that breaks off or does not match its
// content type.
func brokenBody() error { return malformed("The body of the request is incomplete or invalid") }

// exception returns an error of REST 1.2. It has the status 500 and the message
// "class: text", or just the class if text is empty.
func exception(class, format string, args ...any) error {
	return &apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", class: class, message: fmt.Sprintf(format, args...)}
}

// withDetails adds structured details to an apiError.
func withDetails(err error, details ...any) error {
	if e, ok := errors.AsType[*apiError](err); ok {
		e.details = append(e.details, details...)
	}
	return err
}

// response returns the error in the format of the API's version.
func (e *apiError) response(path string) response {
	// The gateway handles these statuses for all versions and has its own
	// format.
	gateway := e.status == http.StatusUnauthorized || e.status == http.StatusForbidden || e.status == http.StatusTooManyRequests ||
		e.code == "ENDPOINT_NOT_FOUND"
	if strings.HasPrefix(path, "/api/1.2/") && !gateway {
		text := strings.TrimSuffix(e.exceptionClass()+": "+e.message, ": ")
		return jsonResponse(http.StatusInternalServerError, map[string]string{"error": text})
	}
	if code, ok := e.code.(string); ok && strings.HasPrefix(path, scimPath) && (strings.HasPrefix(code, "SCIM_") || e.status == http.StatusBadRequest) {
		return jsonResponse(e.status, struct {
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
	r := jsonResponse(e.status, body)
	for name, values := range e.header {
		r.header[name] = values
	}
	return r
}

// exceptionClass returns the error's class in REST 1.2.
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
