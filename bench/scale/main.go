// Command scale fills databricks-local -data with 10,000 clusters, 10,000 runs and
// 1 GB of files, starts it again, and prints how long each step takes:
//
//	cd bench && go run ./scale
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-databricks/databricks"
)

var (
	objects = flag.Int("objects", 10_000, "how many clusters, and how many runs")
	files   = flag.Int("files", 100, "how many files of 10 MiB")
)

const fileSize = 10 << 20

func main() {
	log.SetFlags(0)
	flag.Parse()
	dir, err := os.MkdirTemp("", "scale-")
	check(err)
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "databricks-local")
	build := exec.Command("go", "build", "-C", "..", "-o", program, "./cmd/databricks-local")
	build.Stderr = os.Stderr
	check(build.Run())
	data := filepath.Join(dir, "data")

	p := start(program, data)
	ctx := context.Background()
	c := p.client()
	step("create the clusters, 16 at a time", *objects, func() {
		each(*objects, func(i int) error {
			_, err := c.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: fmt.Sprint("c", i), SparkVersion: "13.3.x-scala2.12",
				NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})
			return err
		})
	})
	step("submit the runs, 16 at a time", *objects, func() {
		each(*objects, func(i int) error {
			_, err := c.Jobs.SubmitRun(ctx, databricks.SubmitRun{RunName: fmt.Sprint("r", i), Tasks: []databricks.Task{{TaskKey: "a",
				ConditionTask: &databricks.ConditionTask{Left: "1", Op: "EQUAL_TO", Right: "1"}}}})
			return err
		})
	})
	content := make([]byte, fileSize)
	random := rand.NewChaCha8([32]byte{})
	step("write the files, one after another", *files, func() {
		for i := range *files {
			random.Read(content)
			check(c.DBFS.PutFile(ctx, fmt.Sprintf("/files/%d", i), bytes.NewReader(content), databricks.PutFileOptions{}))
		}
	})
	p.kill()
	info, err := os.Stat(filepath.Join(data, "workspace.db"))
	check(err)
	fmt.Printf("the database holds %d MB\n", info.Size()>>20)

	step("start again, until it is ready", 1, func() { p = start(program, data) })
	defer p.kill()
	c = p.client()
	step("list all clusters", 1, func() {
		list, err := c.Clusters.List(ctx, databricks.ListClusters{})
		check(err)
		fmt.Printf("  %d clusters\n", len(list))
	})
	step("list all clusters again", 1, func() { check(last(c.Clusters.List(ctx, databricks.ListClusters{}))) })
	step("one page of runs", 1, func() { check(last(c.Jobs.ListRunsPage(ctx, databricks.ListRuns{}))) })
	step("all pages of runs", 1, func() {
		runs := 0
		for _, err := range c.Jobs.AllRuns(ctx, databricks.ListRuns{}) {
			check(err)
			runs++
		}
		fmt.Printf("  %d runs\n", runs)
	})
	step("list the directory of the files", 1, func() { check(last(c.DBFS.List(ctx, "/files"))) })
	step("read a file of 10 MiB", 1, func() { check(c.DBFS.Download(ctx, "/files/1", io.Discard, databricks.DownloadOptions{})) })
	step("move the directory of the files", 1, func() { check(c.DBFS.Move(ctx, "/files", "/moved")) })
	step("create one more cluster", 1, func() {
		check(last(c.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: "last", SparkVersion: "13.3.x-scala2.12",
			NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})))
	})
	step("the status page", 1, func() {
		response, err := http.Get(p.host)
		check(err)
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		check(err)
		fmt.Printf("  %d KB\n", n>>10)
	})
}

// step prints how long n equal things take.
func step(what string, n int, do func()) {
	begin := time.Now()
	do()
	took := time.Since(begin)
	fmt.Printf("%-40s %10s", what, took.Round(100*time.Microsecond))
	if n > 1 {
		fmt.Printf("  %s each", (took / time.Duration(n)).Round(time.Microsecond))
	}
	fmt.Println()
}

func last[T any](_ T, err error) error { return err }

func each(n int, do func(i int) error) {
	var workers sync.WaitGroup
	next := make(chan int)
	for range 16 {
		workers.Go(func() {
			for i := range next {
				check(do(i))
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// A process is a running databricks-local.
type process struct {
	command     *exec.Cmd
	host, token string
}

func start(program, data string) *process {
	command := exec.Command(program, "-addr", "127.0.0.1:0", "-fast", "-data", data)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	check(err)
	check(command.Start())
	lines := bufio.NewScanner(out)
	value := func() string {
		lines.Scan()
		_, value, _ := strings.Cut(lines.Text(), "=")
		return value
	}
	return &process{command, value(), value()}
}

func (p *process) client() *databricks.Client {
	client, err := databricks.NewClient(databricks.WithHost(p.host), databricks.WithToken(p.token), databricks.WithJobsAPI("2.1"))
	check(err)
	return client
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
