package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A report has all measurements.
type report struct {
	rounds   int
	builds   int
	lines    []string // rows of the first table
	missed   int
	failed   []string // rows without a result
	byRow    map[string]samples
	scales   []scaled
	programs map[string]program
}

type scaled struct {
	row row
	got samples
}

// add adds a row to the table.
func (r *report) add(row row, got samples) []string {
	if r.byRow == nil {
		r.byRow = map[string]samples{}
	}
	r.byRow[row.Name] = got
	own, plain, fastest := got["ours"], got["plain"], got["limit"]
	if fastest == nil {
		fastest = plain
	}
	var lines []string
	title := row.Name
	for _, f := range row.figures {
		v, ratio := medianOf(own, f), ratioOf(own, plain, f)
		judged := ratio
		if f.alone {
			judged = v
		}
		lines = append(lines, r.line(title, f.name, f.show(v), f.show(medianOf(plain, f)), f.show(medianOf(fastest, f)), fmt.Sprintf("%.3g", ratio), fmt.Sprintf("%.3g", ratioOf(own, fastest, f)), f.target(), f.met(judged)))
		title = ""
	}
	r.lines = append(r.lines, lines...)
	return lines
}

func (r *report) line(title, figure, own, plain, fastest, ratio, toFastest, target string, met bool) string {
	verdict := ""
	if target != "" {
		if verdict = "met"; !met {
			verdict = "**missed**"
			r.missed++
		}
	}
	return "| " + strings.Join([]string{title, figure, own, plain, fastest, ratio, toFastest, target, verdict}, " | ") + " |"
}

const tableHead = "| Work | Figure | Ours | Plain | Limit | Ours / plain | Ours / limit | Target | |\n|---|---|---:|---:|---:|---:|---:|---|---|\n"

func (r *report) write(dir string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Speed, side by side

`+"Written by `make bench`"+`; do not edit. "Plain" is the least code that does the same
work with net/http and encoding/json: the same structs, the token, a look at the
status, blocks of a file one after another (plain.go). "Limit" is the fastest
handwritten code for the work (limit.go): few requests, 32 concurrently. It is the same
as plain for works that are one request, such as lists. In rows that begin with "limit",
plain is the limit. A target is for ours / plain, or for the figure itself.

- Machine: %s, %s
- Load while this was measured: %s
- Command, in the directory bench: `+"`GOTOOLCHAIN=%s go run . -rounds %d -builds %d`. One row alone: `-only '^clusters/get$'`."+`
- Median of %d rounds, of three times as many for single calls. Clients take turns, each in a process of its own; the
  server is one more. A ratio is the median of the ratios of neighbors, which
  bear the same load; the figures themselves depend on the machine.
- CPU is what the client's process used (getrusage), garbage collection included.
- The server does next to nothing, over loopback, and responds after the latency
  that is given. Lists come in chunks, without compression where it is not mentioned.

`, machine(), runtime.Version(), load(), runtime.Version(), r.rounds, r.builds, r.rounds)
	b.WriteString(tableHead + strings.Join(r.lines, "\n") + "\n\n")
	for _, failure := range r.failed {
		fmt.Fprintf(&b, "- **failed**: %s\n\n", failure)
	}
	if r.programs != nil {
		r.writePrograms(&b)
	}
	if len(r.scales) > 0 {
		r.writeScales(&b)
	}
	if notes, err := os.ReadFile(filepath.Join(dir, "NOTES.md")); err == nil {
		b.Write(notes)
	}
	if len(r.scales) == 0 {
		return os.WriteFile(filepath.Join(dir, "REPORT.md"), b.Bytes(), 0o666)
	}
	for name, plot := range map[string]string{"files.svg": r.plotFiles(), "heap.svg": r.plotHeap()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(plot), 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "REPORT.md"), b.Bytes(), 0o666)
}

func (r *report) writePrograms(b *bytes.Buffer) {
	fmt.Fprintf(b, "## A program that lists clusters\n\nBuilt with `go build -trimpath -ldflags='-s -w'`. Cold is with an empty build cache, warm links again.\nInit is the sum of what GODEBUG=inittrace=1 says, standard library included.\n\n%s", tableHead)
	own, plain, title := r.programs["ours"], r.programs["plain"], "hello world"
	for _, f := range []struct {
		name  string
		of    func(program) float64
		show  func(float64) string
		bound figure
	}{
		{"size, stripped", func(p program) float64 { return p.Size }, bytesOf, figure{most: 1.35}},
		{"cold build, CPU", func(p program) float64 { return p.Cold }, seconds, figure{most: 1.4}},
		{"warm build, CPU", func(p program) float64 { return p.Warm }, seconds, figure{}},
		{"init", func(p program) float64 { return p.Init }, seconds, figure{most: 1e-3, alone: true, show: seconds}},
		{"CPU of one run", func(p program) float64 { return p.Run }, seconds, figure{}},
		{"requests", func(p program) float64 { return p.Requests }, count, figure{most: 1, alone: true, show: count}},
		{"packages", func(p program) float64 { return p.Packages }, count, figure{}},
		{"modules beside itself", func(p program) float64 { return p.Modules }, count, figure{}},
	} {
		v, ratio := f.of(own), f.of(own)/f.of(plain)
		judged := ratio
		if f.bound.alone {
			judged = v
		}
		ratioText := fmt.Sprintf("%.3g", ratio)
		if f.of(plain) == 0 {
			ratioText = ""
		}
		fmt.Fprintln(b, r.line(title, f.name, f.show(v), f.show(f.of(plain)), f.show(f.of(plain)), ratioText, ratioText, f.bound.target(), f.bound.met(judged)))
		title = ""
	}
	b.WriteString("\n")
}

// writeScales writes a table with growing amounts of work, which shows how costs
// grow.
func (r *report) writeScales(b *bytes.Buffer) {
	b.WriteString("## More and more of it\n\nCPU is for one element, or for one MB. Linear costs stay the same from line to line.\n\n" +
		"| Work | Size | Ours: CPU | Plain: CPU | Ours: heap rises by | Plain: heap rises by |\n|---|---:|---:|---:|---:|---:|\n")
	for _, s := range r.scales {
		n, unit, size := float64(s.row.job.Size), "/element", count(float64(s.row.job.Size))
		if n >= mega {
			n, unit = n/mega, "/MB"
			size = count(n) + " MB"
		}
		cells := []string{s.row.Name, size}
		for _, cell := range []func(sample) string{
			func(v sample) string { return fmt.Sprintf("%.3g µs%s", v.CPU*1e6/n, unit) },
			func(v sample) string { return bytesOf(v.HeapRise) },
		} {
			for _, name := range []string{"ours", "plain"} {
				text := ""
				if list := s.got[name]; len(list) > 0 {
					text = cell(list[0])
				}
				cells = append(cells, text)
			}
		}
		fmt.Fprintln(b, "| "+strings.Join(cells, " | ")+" |")
	}
	b.WriteString("\n![Throughput of files by latency](files.svg)\n\n![Heap by size of list](heap.svg)\n\n")
}

func (r *report) plotFiles() string {
	p := plot{title: "64 MB to and from DBFS: throughput by latency", x: "latency of each response, ms", y: "MB/s"}
	for _, way := range []string{"download", "upload"} {
		for _, name := range names() {
			line := series{name: name + ", " + way, dashed: name == "plain"}
			for _, ms := range []float64{0, 5, 20} {
				if got := r.byRow[fmt.Sprintf("DBFS %s, 64 MB at %.0f ms", way, ms)][name]; got != nil {
					line.points = append(line.points, [2]float64{ms, medianOf(got, rate(64*mega, 0)) / mega})
				}
			}
			p.series = append(p.series, line)
		}
	}
	return p.svg()
}

func (r *report) plotHeap() string {
	p := plot{title: "clusters/list: how far the heap rises", x: "clusters in the list", y: "MB", log: true}
	for _, work := range []string{"each-cluster", "list-clusters"} {
		for _, name := range names() {
			if name == "plain" && work == "each-cluster" {
				continue // the list is its only work
			}
			line := series{name: name + ", " + work, dashed: name == "plain"}
			for _, s := range r.scales {
				if s.row.Name == work {
					line.points = append(line.points, [2]float64{float64(s.row.job.Size), medianOf(s.got[name], heap(0)) / mega})
				}
			}
			p.series = append(p.series, line)
		}
	}
	return p.svg()
}

func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)))
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not known"
	}
	return strings.Join(strings.Fields(string(text))[:3], ", ") + " (1, 5 and 15 minutes)"
}
