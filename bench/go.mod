module github.com/go-databricks/databricks/bench

go 1.26.0

replace github.com/go-databricks/databricks => ../

require github.com/go-databricks/databricks v0.0.0-00010101000000-000000000000

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/sys v0.45.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
