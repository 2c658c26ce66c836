package databrickstest

// librariesArea is the area of libraries; see router.go.
type librariesArea struct{}

func (*librariesArea) register(*Server) {}
