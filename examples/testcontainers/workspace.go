// Package testcontainers shows how to test against an in-memory Databricks workspace in
// a container. Tests of Go code do not need a container, see databrickstest. This
// package is for tests that start other containers, too. It is also a model for the
// testcontainers libraries of other languages.
package testcontainers

import (
	"context"
	"fmt"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// A Workspace is a container with a workspace.
type Workspace struct {
	Container *testcontainers.DockerContainer
	Host      string // the URL for this machine
	Token     string // the admin's personal access token
}

// Start starts a workspace and waits until it is ready. If the image does not exist,
// Start builds it from the Dockerfile of this repository. The flags are those of
// databricks-local, such as -fast.
func Start(ctx context.Context, flags ...string) (*Workspace, error) {
	const token = "dapi0123456789abcdef0123456789abcdef"
	container, err := testcontainers.Run(ctx, "",
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: "../..", Repo: "databricks-local", Tag: "example", KeepImage: true}),
		testcontainers.WithCmd(append([]string{"-token", token}, flags...)...),
		testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithWaitStrategy(wait.ForHTTP("/health").WithPort("8080/tcp")),
	)
	w := &Workspace{Container: container, Token: token} // Run may return a container beside an error
	if err != nil {
		return w, fmt.Errorf("starting the workspace: %w", err)
	}
	if w.Host, err = container.PortEndpoint(ctx, "8080/tcp", "http"); err != nil {
		return w, fmt.Errorf("getting the address of the workspace: %w", err)
	}
	return w, nil
}
