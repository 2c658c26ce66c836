package databrickstest

// jobsArea is the area of jobs; see router.go.
type jobsArea struct{}

func (*jobsArea) register(*Server) {}
