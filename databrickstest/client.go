package databrickstest

import (
	"net/http"

	"github.com/go-databricks/databricks"
)

// Client returns a client of the workspace that signs in with Token and needs
// no socket. Options given here come after its own, so none of them may be a
// second credential. Another user's client is made with databricks.NewClient,
// Transport, and any https host, for Transport serves all of them. It panics if
// the options are wrong.
func (s *Server) Client(opts ...databricks.Option) *databricks.Client {
	client, err := databricks.NewClient(append([]databricks.Option{
		databricks.WithHost(s.host()), databricks.WithToken(s.Token), databricks.WithHTTPClient(&http.Client{Transport: s.Transport()}),
	}, opts...)...)
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	return client
}
