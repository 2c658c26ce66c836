// Databricks-local serves a Databricks workspace in memory, for clients in any
// language:
//
//	$ databricks-local
//	export DATABRICKS_HOST=http://127.0.0.1:8080
//	export DATABRICKS_TOKEN=dapi…
//
// It forgets everything when it ends, which it does upon Ctrl-C. The flag
// -help lists what can be changed.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "databricks-local:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out, diag io.Writer) error {
	flags := flag.NewFlagSet("databricks-local", flag.ContinueOnError)
	flags.SetOutput(diag)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen at; port 0 takes a free one")
	public := flags.Bool("public", false, "allow an address that others can reach; the token then travels in the clear")
	speed := flags.Float64("speed", 1, "how many times as `fast` as the real clock time passes in the workspace")
	token := flags.String("token", "", "the admin's personal access `token`; a random one if there is none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("what is %q? There are only flags; see -help", flags.Arg(0))
	case !(*speed > 0):
		return fmt.Errorf("-speed %v: time must go forward", *speed)
	case *token == "":
		*token = fmt.Sprintf("dapi%x", randomBytes(16))
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() && !*public {
		listener.Close()
		return fmt.Errorf("-addr %s can be reached by others; say -public if that is what you want", *addr)
	}
	server := databrickstest.NewServer(databrickstest.WithListener(listener), databrickstest.WithToken(*token),
		databrickstest.WithSpeed(*speed), databrickstest.WithGzip())
	fmt.Fprintf(out, "export DATABRICKS_HOST=%s\nexport DATABRICKS_TOKEN=%s\n", server.URL, server.Token)

	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
