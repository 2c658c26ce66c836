package databricks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-databricks/databricks/internal/redact"
)

// A PlannedCall is a call that a dry run did not send, because it would change
// something. See [WithPlan].
type PlannedCall struct {
	Number int // 1 for the first call of the dry run
	Method string
	Path   string
	Query  url.Values // may be nil
	Body   []byte     // JSON or form without its secrets; for a file only its size; nil if there is no body
}

// String returns the call in one line, such as
//
//	POST /api/2.0/clusters/delete {"cluster_id":"0123-456789-abc"}
func (p PlannedCall) String() string {
	line := p.Method + " " + p.Path
	if len(p.Query) > 0 {
		line += "?" + p.Query.Encode()
	}
	if len(p.Body) > 0 {
		line += " " + string(p.Body)
	}
	return line
}

// WithPlan makes the client do a dry run. The client still sends calls that
// only read. It does not send calls that would change something. Instead, it
// passes them to plan, in order. It replaces secrets in them.
//
// A planned call succeeds. The IDs in its result are placeholders, such as
// "<cluster_id of call 1>". The number is the [PlannedCall.Number]. Later
// planned calls show the placeholders that they use. If an ID is a number, the
// result holds a large negative number instead, and later planned calls show it
// as a placeholder, too.
//
// The client does not send a read that uses a placeholder. The result of such a
// read contains only the ID and pointers to empty structs. A wait polls once
// and returns the result.
//
// Two dry runs of the same program plan the same calls. The client may call
// plan from several goroutines at the same time.
func WithPlan(plan func(PlannedCall)) Option {
	return func(c *config) error {
		if plan == nil {
			return errors.New("WithPlan: the function is nil")
		}
		c.plan = plan
		return nil
	}
}

// Planning reports whether the client does a dry run. See [WithPlan].
func (c *Client) Planning() bool { return c.dryRun != nil }

// A dryRun numbers planned calls and creates their results.
type dryRun struct {
	report func(PlannedCall)

	mu    sync.Mutex
	calls int
	ids   []string // placeholders for numbers: ids[i] stands for firstID-i
}

// firstID is the first number that stands for a placeholder. All such numbers
// have the same number of digits.
const firstID = -1_000_000_000_000_000

var (
	// placeholder finds placeholders in JSON, in a form and in plain text.
	placeholder = regexp.MustCompile(`(?:<|\\u003c|%3C)(\w+(?: |\+|%20)of(?: |\+|%20)call(?: |\+|%20)\d+)(?:>|\\u003e|%3E)`)
	numberedID  = regexp.MustCompile(`-10{3}\d{12}\b`)
)

// planned handles a call that must not be sent. It reports whether it handled
// the call.
func (d *dryRun) planned(r Request, out any) (bool, error) {
	body, err := plannedBody(r)
	switch {
	case r.err != nil || err != nil:
		return false, nil // Do reports the error
	case r.reading && !d.mentioned(r, body):
		return false, nil
	}
	d.mu.Lock()
	number := d.calls
	if !r.reading {
		d.calls++
		number = d.calls
	}
	d.mu.Unlock()
	if !r.reading {
		d.report(PlannedCall{Number: number, Method: r.Method, Path: d.show(r.Path), Query: d.showQuery(r.Query), Body: body.show(d)})
	}
	return true, d.respond(r, number, out)
}

// A shownBody is the text of a request body without secrets.
type shownBody []byte

// plannedBody returns the body to show for a planned call.
func plannedBody(r Request) (shownBody, error) {
	switch body := r.Body.(type) {
	case nil:
		return nil, nil
	case RawBody:
		if body.shown == nil {
			return nil, nil
		}
		return shownBody(redact.Query(body.shown).Encode()), nil
	case url.Values:
		return shownBody(redact.Query(body).Encode()), nil
	default:
		text, err := json.Marshal(body)
		return redact.JSON(text), err
	}
}

// show returns the text with all placeholders in plain form.
func (b shownBody) show(d *dryRun) []byte {
	if b == nil {
		return nil
	}
	quote := `"`
	if len(b) > 0 && b[0] != '{' && b[0] != '[' {
		quote = "" // the body is a form
	}
	text := placeholder.ReplaceAllFunc(b, func(match []byte) []byte {
		name := placeholder.FindSubmatch(match)[1]
		return []byte("<" + strings.NewReplacer("+", " ", "%20", " ").Replace(string(name)) + ">")
	})
	return numberedID.ReplaceAllFunc(text, func(id []byte) []byte { return []byte(quote + d.show(string(id)) + quote) })
}

// show replaces numbers with the placeholders that they stand for.
func (d *dryRun) show(text string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return numberedID.ReplaceAllStringFunc(text, func(digits string) string {
		id, _ := strconv.ParseInt(digits, 10, 64)
		if i := firstID - id; i >= 0 && i < int64(len(d.ids)) {
			return d.ids[i]
		}
		return digits
	})
}

func (d *dryRun) showQuery(query url.Values) url.Values {
	shown := redact.Query(query)
	for _, values := range shown {
		for i := range values {
			values[i] = d.show(values[i])
		}
	}
	return shown
}

// mentioned reports whether a request uses a placeholder.
func (d *dryRun) mentioned(r Request, body shownBody) bool {
	text := r.Path + " " + r.Query.Encode() + " " + string(body)
	return placeholder.MatchString(text) || d.show(text) != text
}

// respond creates the result of a call. For a change, it sets placeholders for
// the IDs of new objects. For a read, it sets the ID from the request.
func (d *dryRun) respond(r Request, number int, out any) error {
	text := func(name string) string { return fmt.Sprintf("<%s of call %d>", name, number) }
	if r.reading {
		text = r.Query.Get
	}
	switch out := out.(type) {
	case nil, func(*http.Response) error:
		return nil
	case func(io.Reader) error:
		if r.reading {
			return nil
		}
		response, _ := json.Marshal(map[string]string{"id": text("id")})
		return out(strings.NewReader(string(response)))
	}
	d.fill(reflect.ValueOf(out).Elem(), text, r.reading, 0)
	return nil
}

// fill sets the IDs in a result. It also sets pointers to structs, so that a
// program can dereference them.
func (d *dryRun) fill(v reflect.Value, text func(name string) string, reading bool, depth int) {
	if v.Kind() != reflect.Struct || depth > 2 {
		return
	}
	for field, value := range v.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		isID := strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") || name == "id" || name == "handle" || name == "token_value"
		switch {
		case !value.CanSet():
		case value.Kind() == reflect.Struct:
			d.fill(value, text, reading, depth)
		case value.Kind() == reflect.Pointer && value.Type().Elem().Kind() == reflect.Struct:
			value.Set(reflect.New(value.Type().Elem()))
			d.fill(value.Elem(), text, reading, depth+1)
		case !isID || text(name) == "":
		case value.Kind() == reflect.String:
			value.SetString(text(name))
		case value.Kind() == reflect.Int64 && reading:
			id, _ := strconv.ParseInt(text(name), 10, 64)
			value.SetInt(id)
		case value.Kind() == reflect.Int64:
			d.mu.Lock()
			value.SetInt(firstID - int64(len(d.ids)))
			d.ids = append(d.ids, text(name))
			d.mu.Unlock()
		}
	}
}

// plannedToken replaces the idempotency token in planned calls.
const plannedToken = "idempotency-token"
