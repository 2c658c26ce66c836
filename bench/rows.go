package main

import (
	"fmt"
	"time"
)

// A row is one kind of work for all clients, with its figures and targets.
type row struct {
	Name    string
	job     job
	figures []figure
	more    int // factor for the number of rounds; 0 means 1; short works need more
}

// A figure is one number of a row.
type figure struct {
	name  string
	of    func(sample) float64
	show  func(float64) string
	alone bool    // the target is for the figure itself, not for its ratio to plain
	most  float64 // upper limit; 0 for none
	least float64 // lower limit; 0 for none
	heap  bool    // measured in a separate process
}

func (f figure) target() string {
	show := func(v float64) string { return fmt.Sprintf("%.3g ×", v) }
	if f.alone {
		show = f.show
	}
	switch {
	case f.most > 0:
		return "≤ " + show(f.most)
	case f.least > 0:
		return "≥ " + show(f.least)
	}
	return ""
}

func (f figure) met(v float64) bool {
	return (f.most == 0 || v <= f.most) && (f.least == 0 || v >= f.least)
}

func cpu(most float64) figure {
	return figure{name: "CPU", of: func(s sample) float64 { return s.CPU }, show: seconds, most: most}
}

func allocs(most float64) figure {
	return figure{name: "allocations", of: func(s sample) float64 { return s.Allocs }, show: count, most: most}
}

func allocated() figure {
	return figure{name: "allocated", of: func(s sample) float64 { return s.Allocated }, show: bytesOf}
}

// heap is the growth of the heap, with a limit for the figure itself.
func heap(most float64) figure {
	return figure{name: "heap rises by", of: func(s sample) float64 { return s.HeapRise }, show: bytesOf, alone: true, most: most, heap: true}
}

// againstValues is the growth of the heap as a multiple of the size of the result.
func againstValues(most float64) figure {
	return figure{name: "heap rises by, × values", of: func(s sample) float64 { return s.HeapRise / max(s.Held, 1) },
		show: func(v float64) string { return fmt.Sprintf("%.3g", v) }, alone: true, most: most, heap: true}
}

func rate(size int, least float64) figure {
	return figure{name: "throughput", of: func(s sample) float64 { return float64(size) / s.Wall }, show: perSecond, least: least}
}

// offline reports whether a job needs no server. Such a job has a negative latency.
func (j job) offline() bool { return j.Latency < 0 }

const mega = 1 << 20

// rows returns all rows, except those for programs.
func rows() []row {
	list := []row{
		{Name: "clusters/get", more: 3, job: job{Work: "get-cluster", Times: 3000}, figures: []figure{cpu(1.15), allocs(1.15), {
			name: "requests", of: func(s sample) float64 { return s.Requests }, show: count, alone: true, most: 1,
		}}},
		{Name: "decoding a cluster, no network", more: 3, job: job{Work: "get-cluster", Times: 10000, Latency: -1}, figures: []figure{cpu(0), allocs(0), allocated()}},
		{Name: "decoding a run, no network", more: 3, job: job{Work: "get-run", Times: 10000, Latency: -1}, figures: []figure{cpu(0), allocs(0), allocated()}},
		{Name: "building a create request, no network", more: 3, job: job{Work: "create-cluster", Times: 10000, Latency: -1}, figures: []figure{cpu(0), allocs(0), allocated()}},
		{Name: "clusters/list, 10,000: List", job: job{Work: "list-clusters", Times: 3, Size: 10000}, figures: []figure{cpu(1.05), allocated(), heap(0), againstValues(1.3)}},
		{Name: "clusters/list, 10,000, compressed: List", job: job{Work: "list-clusters", Times: 3, Size: 10000, Gzip: true}, figures: []figure{cpu(1), allocated(), heap(0), againstValues(1.3)}},
		{Name: "clusters/list, 10,000, compressed: All", job: job{Work: "each-cluster", Times: 3, Size: 10000, Gzip: true}, figures: []figure{cpu(1), allocated(), heap(0)}},
		{Name: "clusters/list, 10,000: All", job: job{Work: "each-cluster", Times: 3, Size: 10000}, figures: []figure{cpu(1.2), allocated(), heap(4 * mega)}},
		{Name: "10,000 runs through pages", job: job{Work: "each-run", Times: 3, Size: 10000}, figures: []figure{cpu(1.1), allocated()}},
		{Name: "64 goroutines, clusters/get", job: job{Work: "get-cluster", Times: 10000, Parallel: 64}, figures: []figure{
			{name: "calls", of: func(s sample) float64 { return 1 / s.Wall }, show: func(v float64) string { return count(v) + "/s" }, least: 0.9},
			cpu(0),
			{name: "connections", of: func(s sample) float64 { return s.Conns }, show: count, alone: true, most: 64},
		}},
	}
	list = append(list,
		row{Name: "HTTP/2: clusters/get", more: 3, job: job{Work: "get-cluster", Times: 3000, TLS: true}, figures: []figure{cpu(1.15), allocs(0)}},
		row{Name: "HTTP/2: 64 goroutines, clusters/get", job: job{Work: "get-cluster", Times: 10000, Parallel: 64, TLS: true}, figures: []figure{
			{name: "calls", of: func(s sample) float64 { return 1 / s.Wall }, show: func(v float64) string { return count(v) + "/s" }, least: 0.9},
			cpu(0),
			{name: "connections", of: func(s sample) float64 { return s.Conns }, show: count, alone: true},
		}},
		row{Name: "HTTP/2: DBFS download, 64 MB at 5 ms", job: job{Work: "download", Times: 1, Size: 64 * mega, Latency: 5 * time.Millisecond, TLS: true}, figures: []figure{rate(64*mega, 1), cpu(0)}},
		row{Name: "HTTP/2: DBFS upload, 64 MB at 5 ms", job: job{Work: "upload", Times: 1, Size: 64 * mega, Latency: 5 * time.Millisecond, TLS: true}, figures: []figure{rate(64*mega, 1), cpu(0)}},
	)
	for _, r := range []struct {
		latency  time.Duration
		times    int
		down, up float64
	}{{0, 4, 5, 1.5}, {5 * time.Millisecond, 2, 7, 7}, {20 * time.Millisecond, 1, 8, 15}} {
		name := fmt.Sprintf("64 MB at %d ms", r.latency.Milliseconds())
		down := row{Name: "DBFS download, " + name, job: job{Work: "download", Times: r.times, Size: 64 * mega, Latency: r.latency},
			figures: []figure{rate(64*mega, r.down), cpu(0.25), heap(0)}}
		up := row{Name: "DBFS upload, " + name, job: job{Work: "upload", Times: r.times, Size: 64 * mega, Latency: r.latency},
			figures: []figure{rate(64*mega, r.up), cpu(0), {
				name: "on the wire", of: func(s sample) float64 { return s.BytesIn / (64 * mega) },
				show: func(v float64) string { return fmt.Sprintf("%.4f × file", v) }, alone: true, most: 1.01,
			}, heap(0)}}
		list = append(list, down, up)
	}
	const dir = filesInDir * fileSize
	list = append(list, volumeRows("upload", "one PUT", "eight parts by hand")...)
	list = append(list, volumeRows("download", "one GET", "eight ranges by hand")...)
	return append(list,
		row{Name: "200 files of 64 KB up, 5 ms", job: job{Work: "upload-dir", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(dir, 6), cpu(0)}},
		row{Name: "200 files of 64 KB down, 5 ms", job: job{Work: "download-dir", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(dir, 6), cpu(0)}},
		row{Name: "500 notebooks of 4 KB imported, 5 ms", job: job{Work: "import-dir", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{
			{name: "notebooks", of: func(s sample) float64 { return notebooks / s.Wall }, show: func(v float64) string { return count(v) + "/s" }},
			cpu(0),
			{name: "allocated", of: func(s sample) float64 { return s.Allocated }, show: bytesOf, alone: true, most: 8 * mega},
		}},
		// These rows compare with the limit: plain is as fast as handwritten code
		// can be.
		row{Name: "limit: 200 files of 64 KB up, 32 requests in flight, 5 ms", job: job{Work: "fast-upload-dir", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(dir, 0.8), cpu(0)}},
		row{Name: "limit: 40 files of 64 KB up, one after another, 5 ms", job: job{Work: "small-uploads", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(smallFiles*fileSize, 1/1.2), cpu(0)}},
		row{Name: "limit: 40 files of 64 KB down, one after another, 5 ms", job: job{Work: "small-downloads", Times: 2, Size: fileSize, Latency: 5 * time.Millisecond}, figures: []figure{rate(smallFiles*fileSize, 1/1.2), cpu(0)}},
		row{Name: "limit: 64 MB of unknown size up, against known size, 5 ms", job: job{Work: "fast-stream", Times: 2, Size: 64 * mega, Latency: 5 * time.Millisecond}, figures: []figure{rate(64*mega, 0.6), cpu(0)}},
		row{Name: "limit: 64 MB of unknown size up, against known size, 20 ms", job: job{Work: "fast-stream", Times: 1, Size: 64 * mega, Latency: 20 * time.Millisecond}, figures: []figure{rate(64*mega, 0), cpu(0)}},
		row{Name: "a command of 50 ms", job: job{Work: "command", Times: 5}, figures: []figure{late(commandTime, 0.060)}},
		row{Name: "a cluster that is up after 300 ms", job: job{Work: "wait-running", Times: 3}, figures: []figure{late(upTime, 0.100)}},
	)
}

// late is the time from the end of something until the client notices it.
func late(after time.Duration, most float64) figure {
	return figure{name: "noticed after", of: func(s sample) float64 { return s.Wall - after.Seconds() }, show: seconds, alone: true, most: most}
}

// scales returns rows with growing amounts of work.
func scales() []row {
	var list []row
	for _, n := range []int{100, 1000, 10000} {
		times := 30000 / n
		list = append(list,
			row{Name: "list-clusters", job: job{Work: "list-clusters", Times: times, Size: n}},
			row{Name: "each-cluster", job: job{Work: "each-cluster", Times: times, Size: n}},
			row{Name: "each-run", job: job{Work: "each-run", Times: times, Size: n}},
		)
	}
	for _, n := range []int{1, 10, 100, 1000} {
		times := max(1, 100/n)
		list = append(list,
			row{Name: "download", job: job{Work: "download", Times: times, Size: n * mega}},
			row{Name: "upload", job: job{Work: "upload", Times: times, Size: n * mega}},
		)
	}
	return list
}

func seconds(v float64) string {
	switch a := max(v, -v); {
	case a < 1e-3:
		return fmt.Sprintf("%.0f µs", v*1e6)
	case a < 1:
		return fmt.Sprintf("%.3g ms", v*1e3)
	}
	return fmt.Sprintf("%.3g s", v)
}

func bytesOf(v float64) string {
	switch {
	case v < 1e4:
		return fmt.Sprintf("%.0f B", v)
	case v < mega:
		return fmt.Sprintf("%.0f KB", v/1024)
	}
	return fmt.Sprintf("%.3g MB", v/mega)
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f MB/s", v/mega) }

func count(v float64) string { return fmt.Sprintf("%.0f", v) }
