// Spark-jar shows a common use of REST API 1.2. It uploads a JAR, attaches it to a
// running cluster, runs a command that uses it, and prints the result. At the end, it
// deletes the JAR and everything else that it created.
//
// Without DATABRICKS_HOST, it uses an in-memory workspace. With DATABRICKS_HOST, it
// needs a cluster and a JAR. Set the code to run, too:
//
//	go run ./examples/spark-jar -cluster 0712-083015-bonk12 -jar target/etl.jar -code 'println(com.example.ETL.run())'
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("spark-jar", flag.ContinueOnError)
	var (
		cluster = flags.String("cluster", "", "`id` of a running cluster")
		jar     = flags.String("jar", "", "`file` to upload")
		dir     = flags.String("dir", "/", "workspace `directory` of the library, until it is deleted")
		code    = flags.String("code", `org.apache.spark.examples.SparkPi.main(Array("10"))`, "Scala `code` to run")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}

	var workspace *databricks.Client
	file := v12.FileFromBytes("sparkpi.jar", sampleJAR())
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithExecutor(databrickstest.ExecutorFunc(pretend)))
		defer server.Close()
		workspace = server.Client()
	} else {
		var err error
		if workspace, err = databricks.NewClient(databricks.WithUserAgent("spark-jar", "1")); err != nil {
			return err
		}
		if *cluster == "" || *jar == "" {
			return errors.New("-cluster and -jar are required")
		}
	}
	if *jar != "" {
		var err error
		if file, err = v12.FileFromPath(*jar); err != nil {
			return err
		}
	}
	client := v12.NewClient(workspace)
	if *cluster == "" {
		id, err := client.Clusters.Create(ctx, v12.CreateCluster{Name: "spark-jar", NumWorkerContainers: 1})
		if err != nil {
			return err
		}
		if _, err := workspace.Clusters.WaitRunning(ctx, id); err != nil {
			return err
		}
		*cluster = id
	}

	result, err := runWithJAR(ctx, client, *cluster, *dir, file, *code, out)
	if err != nil {
		return err
	}
	show(out, result)
	return nil
}

// runWithJAR runs Scala code that needs a JAR.
func runWithJAR(ctx context.Context, client *v12.Client, clusterID, dir string, jar databricks.FilePart, code string, out io.Writer) (result *v12.Result, err error) {
	library, err := client.Libraries.Upload(ctx, v12.UploadLibrary{
		LibType: v12.LibraryJavaJAR, Name: strings.TrimSuffix(jar.Name, filepath.Ext(jar.Name)), Folder: dir, File: jar,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		// Delete the library even if ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, client.Libraries.Detach(ctx, library, clusterID), client.Libraries.Delete(ctx, library))
	}()
	fmt.Fprintf(out, "uploaded %s (%d bytes)\n", jar.Name, jar.Size)

	if err := client.Libraries.Attach(ctx, library, clusterID); err != nil {
		return nil, err
	}
	if err := client.Libraries.WaitAttached(ctx, library, clusterID); err != nil {
		return nil, err
	}
	fmt.Fprintln(out, "attached")

	session, err := client.NewSession(ctx, clusterID, v12.Scala)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return session.Run(ctx, code)
}

// show prints a result.
func show(out io.Writer, result *v12.Result) {
	switch result.Type {
	case v12.ResultTable:
		for _, column := range result.Table.Columns {
			fmt.Fprint(out, column.Name, "\t")
		}
		fmt.Fprintln(out)
		for _, row := range result.Table.Rows {
			for _, value := range row {
				fmt.Fprint(out, value, "\t")
			}
			fmt.Fprintln(out)
		}
	case v12.ResultImage, v12.ResultImages:
		for _, image := range result.Images {
			fmt.Fprintln(out, "an image:", image.MediaType, len(image.Data), "bytes")
		}
	default:
		fmt.Fprintln(out, result.Text)
	}
	if result.Truncated {
		fmt.Fprintln(out, "(and more)")
	}
}

// pretend returns the result of code on the in-memory cluster.
func pretend(command databrickstest.Command) databrickstest.CommandResult {
	if !strings.Contains(command.Code, "SparkPi") {
		return databrickstest.CommandResult{Cause: "<console>:1: error: this workspace only has SparkPi"}
	}
	return databrickstest.CommandResult{Duration: 200 * time.Millisecond, Text: "Pi is roughly 3.1418"}
}

// sampleJAR returns a JAR that contains only a manifest.
func sampleJAR() []byte {
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	manifest, err := archive.Create("META-INF/MANIFEST.MF")
	if err == nil {
		_, err = io.WriteString(manifest, "Manifest-Version: 1.0\r\n\r\n")
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		panic(err) // writes to memory do not fail
	}
	return content.Bytes()
}
