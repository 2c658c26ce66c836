package databrickstest

// clustersArea is the area of clusters; see router.go.
type clustersArea struct{}

func (*clustersArea) register(*Server) {}
