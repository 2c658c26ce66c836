package databricks

import (
	"encoding/json"
	"errors"
	"net/url"

	"github.com/go-databricks/databricks/internal/redact"
)

// A PlannedCall is a call that would have changed something; see [WithPlan].
type PlannedCall struct {
	Method string
	Path   string
	Query  url.Values // may be nil
	Body   []byte     // the JSON or form that would be sent, its secrets replaced; of a file its size only; nil if there is none
}

// WithPlan makes a client that only plans: calls that read go out, calls that
// would change something are handed to plan instead, in their order, and
// succeed with an empty reply. What depends on such a reply, such as the id of
// a cluster that was not created, is empty, too: reads that would need it
// return nothing, and waits return what is there after one look. Secrets in
// the planned calls are replaced. The function may be called by several
// goroutines at once.
func WithPlan(plan func(PlannedCall)) Option {
	return func(c *config) error {
		if plan == nil {
			return errors.New("WithPlan: the function is nil")
		}
		c.plan = plan
		return nil
	}
}

// Planning reports whether the client only plans; see [WithPlan]. What waits for,
// or looks at, the outcome of a call that changes something has to ask.
func (c *Client) Planning() bool { return c.plan != nil }

// planned takes a call that is not to be sent, and reports whether it did.
func (c *Client) planned(r Request) bool {
	if e, ok := errors.AsType[*ArgumentError](r.err); ok && e.Problem == missing {
		if r.reading {
			return true // of something that is only planned
		}
	} else if r.err != nil || r.reading {
		return false
	}
	call := PlannedCall{Method: r.Method, Path: r.Path, Query: redact.Query(r.Query)}
	switch body := r.Body.(type) {
	case nil:
	case RawBody:
		if body.shown != nil {
			call.Body = []byte(redact.Query(body.shown).Encode())
		}
	case url.Values:
		call.Body = []byte(redact.Query(body).Encode())
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return false // Do says what is wrong
		}
		call.Body = redact.JSON(text)
	}
	c.plan(call)
	return true
}
