package failure

import (
	"net/http"
	"regexp"
	"strings"
)

// Meaning says whether a failure with this status passes, and whether the work
// may have been done all the same. It is the table of the documentation of package
// databricks.
func (r *Report) Meaning(status int) (transient, lost bool) {
	switch {
	case r.Code == "PARTIAL_DELETE":
		return false, false // progress: its caller continues at once, for as long as it takes
	case status == http.StatusTooManyRequests:
		return true, false
	case status == http.StatusServiceUnavailable && r.Asked:
		return true, false
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return true, true // gateways send these after the work was done, too
	case notReady.MatchString(r.Message), r.Legacy && clusterNotReady.MatchString(r.Message):
		return true, false
	case timedOut.MatchString(r.Message):
		return true, status >= 500 // a 4xx is a refusal even so
	case status < 500, status == http.StatusNotImplemented, r.Legacy:
		return false, false
	}
	return true, true
}

// Messages of a workspace that is not ready yet: nothing was done. They count
// only at the beginning of a message, after the class of the exception. Anywhere
// else they may be part of a name that a user chose.
var (
	notReady = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Current organization \S+ does not have any associated worker environments|` +
		`There is no worker environment with id|Unknown worker environment|worker env \S+ not found|REQUEST_LIMIT_EXCEEDED)|` +
		`^com\.databricks\.backend\.manager\.util\.UnknownWorkerEnvironmentException`)
	clusterNotReady = regexp.MustCompile(`^(?:[\w.$]+\.)?ClusterNotReadyException`)
	timedOut        = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Timed out after |(?:context )?deadline exceeded)`)
)

// SaysMissing reports whether a message says that an object does not exist, where
// the code says something else or nothing.
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

// notFoundMessages are what the service says of an object that does not exist
// in calls that have no code of their own for it. The areas leave out version
// numbers.
var notFoundMessages = []struct {
	area    string
	message *regexp.Regexp
}{
	{"/clusters/", regexp.MustCompile(`^Cluster .* does not exist`)},
	{"/jobs/", regexp.MustCompile(`^Job .* does not exist`)},
	{"/jobs/runs/", regexp.MustCompile(`^Run .* does not exist|^Run: .* in job: .* doesn't exist`)},
	{"/libraries/", regexp.MustCompile(`^Cluster .* does not exist`)},
}

// SaysTooLarge reports whether the service refused because of a size. Newer
// servers say it in a message, with BAD_REQUEST. reasons are those of the details.
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
