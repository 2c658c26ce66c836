package databricks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-databricks/databricks/internal/response"
	"github.com/go-databricks/databricks/internal/sending"
)

// An attempt is one attempt to send a call. It has its own context, header, body,
// trace and outcome. Other attempts do not change them.
type attempt struct {
	call    *call
	number  int // 1 for the first
	request *http.Request
	sending sending.Sending

	status      int       // of the response; 0 if there is none
	err         error     // nil if the attempt succeeded
	rejection   *APIError // err, if the service rejected this attempt
	transient   bool      // a retry may succeed
	lost        bool      // the request may have taken effect, and the response was lost
	interrupted bool      // the context of the call has ended
	unsigned    bool      // no credential is available
	renews      bool      // the credential is renewed for the next attempt

	duration  time.Duration
	requestID string
	info      *AttemptInfo    // nil without observers
	observed  context.Context // the context that the observers returned
	response  *response.Body  // nil if there is none
}

// run sends the request, reads the response and records the outcome. The
// response that it returns has been read.
func (a *attempt) run(req *http.Request) (resp *http.Response, err error) {
	started := time.Now()
	ctx := req.Context()
	if a.call.info != nil {
		ctx = a.observeStart(ctx)
	}
	if timeout := a.call.client.timeout; timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the http.Client's Timeout of %v ended the attempt: %w", timeout, context.DeadlineExceeded))
		defer cancel()
	}
	a.request = req.WithContext(a.sending.Trace(ctx, a.call.request.reading))
	if a.err = a.prepare(); a.err != nil {
		err, a.call.stopped = a.err, a.err // nothing was sent, and a retry would fail in the same way
	} else if resp, err = a.send(); err == nil {
		a.receive(resp)
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	a.sending.Stop()
	a.interrupted = a.err != nil && a.rejection == nil && req.Context().Err() != nil
	a.duration = time.Since(started)
	return resp, err
}

// prepare signs the request and gives it its body.
func (a *attempt) prepare() error {
	ctx := a.request.Context()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.call.request.presigned == nil {
		if err := a.call.client.signIn(a.request); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.unsigned = true
			return err
		}
		if a.call.client.compressed {
			response.Accept(a.request)
		}
	}
	return a.sending.Attach(a.request, &a.call.payload)
}

// send sends the request. If there is no response, it records the reason.
func (a *attempt) send() (*http.Response, error) {
	resp, failure := a.sending.Send(a.call.client.transport, a.request)
	if failure != nil {
		a.err, a.lost, a.transient = a.call.request.presigned.hideIn(failure.Err), failure.Lost, failure.Transient
		return nil, a.err
	}
	response.Open(resp)
	return resp, nil
}

// receive reads the response and records its meaning.
func (a *attempt) receive(resp *http.Response) {
	a.status, a.requestID = resp.StatusCode, resp.Header.Get("X-Request-Id")
	if a.call.request.Response != nil {
		*a.call.request.Response = ResponseInfo{resp.StatusCode, resp.Header, a.requestID, a.number}
	}
	a.response, _ = resp.Body.(*response.Body)
	switch status := resp.StatusCode; {
	case status < 200: // an upgrade to another protocol; the body is a connection and never ends
		a.err, a.lost = fmt.Errorf("the response has the unexpected status %d", status), true
	case status <= 299:
		a.err = decodeResponse(resp, a.call.out)
	case a.call.request.presigned != nil:
		a.err = readStorageError(resp, a.call.request.presigned)
	default:
		a.err = readAPIError(resp)
	}
	switch err := a.err.(type) {
	case *StorageError:
		a.transient, a.requestID = err.transient(), err.RequestID
		a.lost = a.transient && a.status != http.StatusTooManyRequests
	case *APIError:
		a.transient, a.lost = err.report.Meaning(err.StatusCode)
		if a.rejectedByProxy(err) {
			a.err = &sending.ProxyError{Status: err.StatusCode, Message: err.Message}
			return
		}
		a.rejection, a.requestID = err, err.RequestID
	case *response.Failure:
		a.transient, a.lost = err.Interrupted, err.Lost
	}
}

// rejectedByProxy reports whether a proxy, and not the service, sent the rejection.
func (a *attempt) rejectedByProxy(err *APIError) bool {
	return err.StatusCode == http.StatusProxyAuthRequired || err.report.Stranger && sending.ReadByProxy(a.call.client.transport, a.request)
}

// rejectedWith reports whether the service rejected this attempt with code.
func (a *attempt) rejectedWith(code ErrorCode) bool {
	return a.rejection != nil && code != "" && a.rejection.Is(code)
}
