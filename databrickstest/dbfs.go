package databrickstest

// dbfsArea is the area of dbfs; see router.go.
type dbfsArea struct{}

func (*dbfsArea) register(*Server) {}
