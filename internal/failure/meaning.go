package failure

import (
	"net/http"
	"regexp"
	"strings"
)

// Meaning reports whether a failure with this status is transient, and whether the
// request may have taken effect anyway. It implements the table in the
// documentation of package databricks.
func (r *Report) Meaning(status int) (transient, lost bool) {
	switch {
	case r.Code == "PARTIAL_DELETE":
		return false, false // progress of a deletion: the caller continues immediately, as often as necessary
	case status == http.StatusTooManyRequests:
		return true, false
	case status == http.StatusServiceUnavailable && r.Asked:
		return true, false
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return true, true // gateways also send these after the request took effect
	case notReady.MatchString(r.Message), r.Legacy && clusterNotReady.MatchString(r.Message):
		return true, false
	case timedOut.MatchString(r.Message):
		return true, status >= 500 // a 4xx status means that the request was rejected
	case status < 500, status == http.StatusNotImplemented, r.Legacy:
		return false, false
	}
	return true, true
}

// Messages of a workspace that is not ready yet. Such a request had no effect. The
// patterns match only at the start of a message, after the class of the exception.
// In other places, the text may be part of a name that a user chose.
var (
	notReady = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Current organization \S+ does not have any associated worker environments|` +
		`There is no worker environment with id|Unknown worker environment|worker env \S+ not found|REQUEST_LIMIT_EXCEEDED)|` +
		`^com\.databricks\.backend\.manager\.util\.UnknownWorkerEnvironmentException`)
	clusterNotReady = regexp.MustCompile(`^(?:[\w.$]+\.)?ClusterNotReadyException`)
	timedOut        = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Timed out after |(?:context )?deadline exceeded)`)
)

// SaysMissing reports whether a message says that an object does not exist,
// although the code does not.
func SaysMissing(path string, status int, code, message string) bool {
	if status != http.StatusBadRequest || code != "" && code != "INVALID_PARAMETER_VALUE" && code != "INVALID_STATE" {
		return false
	}
	for _, m := range notFoundMessages {
		if strings.Contains(path, m.area) && m.message.MatchString(message) {
			return true
		}
	}
	return false
}

// notFoundMessages are the messages for an object that does not exist, for calls
// without a specific error code. The paths are without version numbers.
var notFoundMessages = []struct {
	area    string
	message *regexp.Regexp
}{
	{"/clusters/", regexp.MustCompile(`^Cluster .* does not exist`)},
	{"/jobs/", regexp.MustCompile(`^Job .* does not exist`)},
	{"/jobs/runs/", regexp.MustCompile(`^Run .* does not exist|^Run: .* in job: .* doesn't exist`)},
	{"/libraries/", regexp.MustCompile(`^Cluster .* does not exist`)},
}

// SaysTooLarge reports whether the service rejected something because of its size.
// Newer servers say this in a message with the code BAD_REQUEST. reasons are the
// reasons in the details.
func SaysTooLarge(status int, code, message string, reasons []string) bool {
	for _, code := range append(reasons, code) {
		switch code {
		case "MAX_BLOCK_SIZE_EXCEEDED", "MAX_NOTEBOOK_SIZE_EXCEEDED", "MAX_READ_SIZE_EXCEEDED":
			return true
		}
	}
	return status == http.StatusRequestEntityTooLarge || code == "BAD_REQUEST" && sizeRefused.MatchString(message)
}

var sizeRefused = regexp.MustCompile(`(?i)size exceeds \d+ bytes|size exceeded limit|exceeded max size`)
