package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
)

// samples are the samples of a row by client, in the order in which they were
// taken.
type samples map[string][]sample

// names returns the names of the clients, plain first.
func names() []string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(clients)), func(name string) bool { return name == "plain" })
	return append([]string{"plain"}, others...)
}

func run(rounds, builds int, scaling bool, only, dir string) error {
	server, err := startServer()
	if err != nil {
		return err
	}
	defer server.stop()
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	r := &report{rounds: rounds, builds: builds}
	for _, row := range rows() {
		if !wanted.MatchString(row.Name) {
			continue
		}
		got := samples{}
		for round := range rounds * max(row.more, 1) {
			order := names()
			if round%2 == 1 {
				slices.Reverse(order) // no client is always first
			}
			for _, name := range order {
				s, err := server.sample(row, name)
				if err != nil {
					return err
				}
				got[name] = append(got[name], s)
			}
		}
		lines := r.add(row, got)
		for _, line := range lines {
			fmt.Fprintln(os.Stderr, line)
		}
	}
	if only != "" {
		return nil
	}
	for _, row := range scales() {
		if !scaling {
			break
		}
		got := samples{}
		for _, name := range names() {
			if name != "ours" && row.job.Size > 500*mega {
				continue // measured only for constant memory
			}
			row.figures = []figure{heap(0)}
			s, err := server.sample(row, name)
			if err != nil {
				return err
			}
			got[name] = append(got[name], s)
		}
		fmt.Fprintln(os.Stderr, row.Name, row.job.Size)
		r.scales = append(r.scales, scaled{row, got})
	}
	if builds > 0 {
		if r.programs, err = measurePrograms(server, builds); err != nil {
			return err
		}
	}
	return r.write(dir)
}

// sample takes one sample of a row. If the row measures the heap, this needs two
// processes.
func (p *serverProcess) sample(row row, client string) (sample, error) {
	j := row.job
	j.Client = client
	s, err := p.do(j)
	if err == nil && slices.ContainsFunc(row.figures, func(f figure) bool { return f.heap }) {
		j.Heap = true
		watched, err := p.do(j)
		s.HeapRise, s.Held = watched.HeapRise, watched.Held
		return s, err
	}
	return s, err
}

// median returns the median of a list. It sorts the list.
func median(list []float64) float64 {
	slices.Sort(list)
	if n := len(list); n%2 == 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}

// medianOf returns the median of a figure.
func medianOf(list []sample, f figure) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = f.of(s)
	}
	return median(values)
}

// ratioOf returns the median of the ratios of samples that were taken one after the
// other.
func ratioOf(list, plain []sample, f figure) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = f.of(s) / f.of(plain[i])
	}
	return median(values)
}
