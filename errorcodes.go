package databricks

import "encoding/json"

// An ErrorCode is the service's name for an error. The constants below work
// with errors.Is:
//
//	if errors.Is(err, databricks.ErrResourceDoesNotExist) { … }
//
// The service adds codes from time to time. Compare a code without a constant
// as ErrorCode("THE_NEW_CODE").
type ErrorCode string

// Error returns the code. It makes a code usable as the target of errors.Is.
func (c ErrorCode) Error() string { return string(c) }

// Codes of the platform. The HTTP status for a code varies by area, so compare
// codes and not statuses.
const (
	ErrAborted                          ErrorCode = "ABORTED"
	ErrAlreadyExists                    ErrorCode = "ALREADY_EXISTS"
	ErrBadRequest                       ErrorCode = "BAD_REQUEST"
	ErrCancelled                        ErrorCode = "CANCELLED"
	ErrCouldNotAcquireLock              ErrorCode = "COULD_NOT_ACQUIRE_LOCK"
	ErrCustomerUnauthorized             ErrorCode = "CUSTOMER_UNAUTHORIZED"
	ErrDataLoss                         ErrorCode = "DATA_LOSS"
	ErrDeadlineExceeded                 ErrorCode = "DEADLINE_EXCEEDED"
	ErrDeploymentTimeout                ErrorCode = "DEPLOYMENT_TIMEOUT"
	ErrDirectoryNotEmpty                ErrorCode = "DIRECTORY_NOT_EMPTY"
	ErrDirectoryProtected               ErrorCode = "DIRECTORY_PROTECTED"
	ErrDryRunFailed                     ErrorCode = "DRY_RUN_FAILED"
	ErrEndpointNotFound                 ErrorCode = "ENDPOINT_NOT_FOUND" // the path is unknown; says nothing about the object
	ErrFeatureDisabled                  ErrorCode = "FEATURE_DISABLED"
	ErrInsecurePartnerResponse          ErrorCode = "INSECURE_PARTNER_RESPONSE"
	ErrInternalError                    ErrorCode = "INTERNAL_ERROR"
	ErrInvalidParameterValue            ErrorCode = "INVALID_PARAMETER_VALUE"
	ErrInvalidState                     ErrorCode = "INVALID_STATE"
	ErrInvalidStateTransition           ErrorCode = "INVALID_STATE_TRANSITION"
	ErrIOError                          ErrorCode = "IO_ERROR"
	ErrIOFailed                         ErrorCode = "IO_READ" // created by this client: the body of an error could not be read
	ErrIPYNBFileInRepo                  ErrorCode = "IPYNB_FILE_IN_REPO"
	ErrMalformedPartnerResponse         ErrorCode = "MALFORMED_PARTNER_RESPONSE"
	ErrMalformedRequest                 ErrorCode = "MALFORMED_REQUEST"
	ErrManagedResourceGroupDoesNotExist ErrorCode = "MANAGED_RESOURCE_GROUP_DOES_NOT_EXIST"
	ErrMaxBlockSizeExceeded             ErrorCode = "MAX_BLOCK_SIZE_EXCEEDED"
	ErrMaxChildNodeSizeExceeded         ErrorCode = "MAX_CHILD_NODE_SIZE_EXCEEDED"
	ErrMaxListSizeExceeded              ErrorCode = "MAX_LIST_SIZE_EXCEEDED"
	ErrMaxNotebookSizeExceeded          ErrorCode = "MAX_NOTEBOOK_SIZE_EXCEEDED"
	ErrMaxReadSizeExceeded              ErrorCode = "MAX_READ_SIZE_EXCEEDED"
	ErrNotFound                         ErrorCode = "NOT_FOUND"
	ErrNotImplemented                   ErrorCode = "NOT_IMPLEMENTED"
	ErrPartialDelete                    ErrorCode = "PARTIAL_DELETE" // objects remain: delete again
	ErrPermissionDenied                 ErrorCode = "PERMISSION_DENIED"
	ErrPermissionNotPropagated          ErrorCode = "PERMISSION_NOT_PROPAGATED"
	ErrPrincipalDoesNotExist            ErrorCode = "PRINCIPAL_DOES_NOT_EXIST"
	ErrPrivateLinkValidation            ErrorCode = "PRIVATE_LINK_VALIDATION_ERROR" // the request did not come through the workspace's private link
	ErrProjectsOperationTimeout         ErrorCode = "PROJECTS_OPERATION_TIMEOUT"
	ErrQuotaExceeded                    ErrorCode = "QUOTA_EXCEEDED"
	ErrRequestLimitExceeded             ErrorCode = "REQUEST_LIMIT_EXCEEDED"
	ErrResourceAlreadyExists            ErrorCode = "RESOURCE_ALREADY_EXISTS"
	ErrResourceConflict                 ErrorCode = "RESOURCE_CONFLICT"
	ErrResourceDoesNotExist             ErrorCode = "RESOURCE_DOES_NOT_EXIST"
	ErrResourceExhausted                ErrorCode = "RESOURCE_EXHAUSTED"
	ErrResourceLimitExceeded            ErrorCode = "RESOURCE_LIMIT_EXCEEDED"
	ErrSearchQueryTooLong               ErrorCode = "SEARCH_QUERY_TOO_LONG"
	ErrSearchQueryTooShort              ErrorCode = "SEARCH_QUERY_TOO_SHORT"
	ErrServiceUnderMaintenance          ErrorCode = "SERVICE_UNDER_MAINTENANCE"
	ErrTemporarilyUnavailable           ErrorCode = "TEMPORARILY_UNAVAILABLE"
	ErrUnauthenticated                  ErrorCode = "UNAUTHENTICATED"
	ErrUnavailable                      ErrorCode = "UNAVAILABLE"
	ErrUnknown                          ErrorCode = "UNKNOWN"
	ErrUnparseableHTTPError             ErrorCode = "UNPARSEABLE_HTTP_ERROR"
	ErrWorkspaceTemporarilyUnavailable  ErrorCode = "WORKSPACE_TEMPORARILY_UNAVAILABLE"
	ErrGitConflict                      ErrorCode = "GIT_CONFLICT"
	ErrGitRemoteError                   ErrorCode = "GIT_REMOTE_ERROR"
	ErrGitSensitiveTokenDetected        ErrorCode = "GIT_SENSITIVE_TOKEN_DETECTED"
	ErrGitUnknownRef                    ErrorCode = "GIT_UNKNOWN_REF"
	ErrGitURLNotOnAllowList             ErrorCode = "GIT_URL_NOT_ON_ALLOW_LIST"
)

// An ErrorDetail is a structured detail of an error. Newer responses contain
// details. Fields that a kind of detail does not have are zero. Raw holds the
// complete JSON, including unknown fields.
type ErrorDetail struct {
	Type            string            `json:"@type"` // such as type.googleapis.com/google.rpc.ErrorInfo
	Reason          string            `json:"reason"`
	Domain          string            `json:"domain"`
	Metadata        map[string]string `json:"metadata"`
	RequestID       string            `json:"request_id"`
	ServingData     string            `json:"serving_data"`
	RetryDelay      string            `json:"retry_delay"` // in seconds with the suffix s, such as "42.5s"
	StackEntries    []string          `json:"stack_entries"`
	Detail          string            `json:"detail"`
	Violations      []ErrorViolation  `json:"violations"`
	FieldViolations []ErrorViolation  `json:"field_violations"`
	ResourceType    string            `json:"resource_type"`
	ResourceName    string            `json:"resource_name"`
	Owner           string            `json:"owner"`
	Description     string            `json:"description"`
	Links           []ErrorLink       `json:"links"`
	Raw             json.RawMessage   `json:"-"`
}

// An ErrorViolation is a violation of a rule for a field, of a quota or of a
// precondition.
type ErrorViolation struct {
	Type        string `json:"type"`
	Field       string `json:"field"`
	Subject     string `json:"subject"`
	Description string `json:"description"`
}

// An ErrorLink is a link to more information.
type ErrorLink struct {
	Description string `json:"description"`
	URL         string `json:"url"`
}
