package databrickstest

// workspaceArea is the area of workspace; see router.go.
type workspaceArea struct{}

func (*workspaceArea) register(*Server) {}
