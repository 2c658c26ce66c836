package databricks_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleWorkspaceService() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	id, err := client.Workspace.Import(ctx, databricks.ImportObject{
		Path: "/Shared/hello", Language: databricks.LanguagePython, Content: []byte("print('hello')\n"), Overwrite: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	notebook, err := client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: "/Shared/hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(notebook.ObjectType, notebook.Language, notebook.ObjectID == id)
	export, err := client.Workspace.Export(ctx, databricks.ExportObject{Path: "/Shared/hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", export.Content)
	// Output:
	// NOTEBOOK PYTHON true
	// # Databricks notebook source
	// print('hello')
}

func ExampleWorkspaceService_Walk() {
	workspace, client := exampleTree()
	defer workspace.Close()

	for object, err := range client.Workspace.Walk(context.Background(), "/Shared") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(object.ObjectType, object.Path)
	}
	// Output:
	// DIRECTORY /Shared/etl
	// NOTEBOOK /Shared/etl/load
	// NOTEBOOK /Shared/report
}

// Notebooks are files that contain their source.
func ExampleWorkspaceService_FS() {
	workspace, client := exampleTree()
	defer workspace.Close()

	source, err := fs.ReadFile(client.Workspace.FS(context.Background()), "Shared/etl/load")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", source)
	// Output:
	// -- Databricks notebook source
	// select 1
}

// exampleTree returns a workspace with two notebooks.
func exampleTree() (*databrickstest.Server, *databricks.Client) {
	workspace := databrickstest.NewServer()
	client, ctx := workspace.Client(), context.Background()
	if err := client.Workspace.Mkdirs(ctx, "/Shared/etl"); err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"/Shared/report", "/Shared/etl/load"} {
		_, err := client.Workspace.Import(ctx, databricks.ImportObject{
			Path: path, Language: databricks.LanguageSQL, Content: []byte("select 1\n"),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	return workspace, client
}
