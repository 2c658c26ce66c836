// Command bench compares this library with the least code that does the same
// work with net/http and encoding/json, and writes REPORT.md. See make bench.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "how often each work is measured, clients in turn")
	builds := flag.Int("builds", 3, "how often each program is built; 0 leaves them out")
	only := flag.String("only", "", "measure only works whose name matches, and print the samples")
	dir := flag.String("o", ".", "where the report goes")
	text := flag.String("job", "", "do one job, given as JSON, and print its sample; for the processes that this one starts")
	profile := flag.String("cpuprofile", "", "with -job, write a CPU profile")
	scaling := flag.Bool("scales", true, "measure more and more of some work, too")
	limit := flag.Duration("limit", 8*time.Minute, "after this time, each work is measured only once")
	releases := flag.String("releases", "", "write one report of several Go releases, such as go1.26.8,go1.27.4; the first is measured in full")
	serve := flag.Bool("serve", false, "be the server until standard input ends")
	flag.Parse()
	switch {
	case *serve:
		at, err := newServer().listen()
		check(err)
		fmt.Println(at.host, at.tls, at.control)
		io.Copy(io.Discard, os.Stdin)
	case *text != "":
		var j job
		check(json.Unmarshal([]byte(*text), &j))
		s, err := measure(j, *profile)
		check(err)
		fmt.Println(string(must(marshal(s))))
	case *releases != "":
		check(runReleases(strings.Split(*releases, ","), *rounds, *builds, *dir, *limit))
	default:
		check(run(*rounds, *builds, *scaling, *only, *dir, *limit))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func marshal(v any) ([]byte, error)        { return json.Marshal(v) }
func unmarshal(r io.Reader, out any) error { return json.NewDecoder(r).Decode(out) }

// A serverProcess is the server in its own process, so that it does not disturb the
// measurements of the clients.
type serverProcess struct {
	addresses
	stop func()
}

func startServer() (*serverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &serverProcess{stop: func() {
		in.Close()
		cmd.Wait()
	}}
	if _, err := fmt.Fscan(out, &p.host, &p.tls, &p.control); err != nil {
		p.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return p, nil
}

// do runs a job in another process.
func (p *serverProcess) do(j job) (s sample, err error) {
	if !j.offline() {
		if j.Host, j.Control = p.host, p.control; j.TLS {
			j.Host = p.tls
		}
		if _, err := control(p.control, &settings{Latency: j.Latency, Gzip: j.Gzip, Elements: j.Size, Files: j.serverFiles()}); err != nil {
			return s, err
		}
		time.Sleep(10 * time.Millisecond) // wait until the server's old connections have ended
	}
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-job", string(must(marshal(j))))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("%s, %s: %w", j.Client, j.Work, err)
	}
	return s, json.Unmarshal(out, &s)
}
