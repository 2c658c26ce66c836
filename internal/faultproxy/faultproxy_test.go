package faultproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each fault has the effect that its name says, and affects only its own attempt.
// The handler runs or does not run, as the name says.
func TestServer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, row := range []struct {
			name     string
			fault    Fault
			only2    bool
			worked   int    // how often the handler ran for the affected request
			response string // status and body of its response, or a part of the error's text
		}{
			{"none", Fault{Request: 9}, false, 1, "200 ok: body"},
			{"refused", Fault{At: AtDial}, false, 0, "refused"},
			{"reset on arrival", Fault{At: OnArrival, Do: Reset}, false, 0, "reset"},
			{"reset before", Fault{At: BeforeWork, Do: Reset}, false, 0, "reset"},
			{"reset after", Fault{At: AfterWork, Do: Reset}, false, 1, "reset"},
			{"closed after", Fault{At: AfterWork, Do: Close}, false, 1, "EOF"},
			{"cut response", Fault{At: InResponse, Bytes: 3, Do: Close}, false, 1, "200 ok:, unexpected EOF"},
			{"status before", Fault{At: OnArrival, Do: Respond, Status: 503, Body: "no"}, false, 0, "503 no"},
			{"status after", Fault{At: AfterWork, Do: Respond, Status: 502, Body: "no"}, false, 1, "502 no"},
			{"refused stream", Fault{At: BeforeWork, Do: ResetStream, Code: RefusedStream}, true, 0, "200 ok: body"}, // net/http retries it
			{"canceled stream", Fault{At: AfterWork, Do: ResetStream, Code: Cancel}, true, 1, "CANCEL"},
			{"served before going away", Fault{At: OnArrival, Do: GoAwayServed}, true, 1, "200 ok: body"},
			{"gone before", Fault{At: BeforeWork, Do: GoAwayBelow}, true, 0, "200 ok: body"},
			{"gone on arrival", Fault{At: OnArrival, Do: GoAwayBelow}, true, 0, "200 ok: body"},
			{"gone after", Fault{At: AfterWork, Do: GoAway}, true, 1, "GOAWAY"},
		} {
			if row.only2 && !http2 {
				continue
			}
			t.Run(fmt.Sprintf("%s %v", row.name, http2), func(t *testing.T) {
				t.Parallel()
				worked := map[string]int{}
				s := New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					worked[r.URL.Path]++
					fmt.Fprintf(w, "ok: %s", body)
				}), http2)
				defer s.Close()
				client := s.Client(row.fault.At == AtDial)
				send := func(path string) string {
					resp, err := client.Post(s.URL+path, "text/plain", strings.NewReader("body"))
					if err != nil {
						const wsaReset = syscall.Errno(10054) // on Windows
						if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaReset) {
							return "reset"
						}
						return err.Error()
					}
					defer resp.Body.Close()
					assert.Equal(t, map[bool]int{false: 1, true: 2}[http2], resp.ProtoMajor)
					body, err := io.ReadAll(resp.Body)
					text := fmt.Sprintf("%d %s", resp.StatusCode, body)
					if err != nil {
						text += ", " + err.Error()
					}
					return text
				}
				require.Equal(t, "200 ok: body", send("/before"))
				s.Inject(row.fault)
				assert.Contains(t, send("/hit"), row.response)
				again := 0
				if row.only2 && row.worked == 0 { // net/http retries it on its own
					again = 1
				}
				assert.Equal(t, "200 ok: body", send("/after"))
				s.Close()
				assert.Equal(t, row.worked+again, worked["/hit"])
				assert.Equal(t, 1, worked["/after"])
			})
		}
	}
}
