package databrickstest

// v12Area is the area of v12; see router.go.
type v12Area struct{}

func (*v12Area) register(*Server) {}
