package databrickstest

import (
	"net/http"

	"github.com/go-databricks/databricks"
)

// Client returns a client that authenticates with Token and needs no socket.
// It applies the given options after its own options. They must not set a
// second credential. To create a client of another user, call databricks.NewClient
// with Transport and any https host. Client panics if the options are invalid.
func (s *Server) Client(opts ...databricks.Option) *databricks.Client {
	client, err := databricks.NewClient(append([]databricks.Option{
		databricks.WithHost(s.host()), databricks.WithToken(s.Token), databricks.WithHTTPClient(&http.Client{Transport: s.Transport()}),
	}, opts...)...)
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	return client
}
