package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"
)

// samples are the samples of a row by client, in the order in which they were
// taken.
type samples map[string][]sample

// names returns the names of the clients, plain first. The limit is measured only
// where it differs from plain.
func names() []string { return []string{"plain", "ours"} }

func (r row) clients() []string {
	if limitWorks[r.job.Work] {
		return append(names(), "limit")
	}
	return names()
}

// run measures all rows whose names match only. It continues after a row that fails,
// and reports it. After the time limit it measures each row in a single round.
func run(rounds, builds int, scaling bool, only, dir string, limit time.Duration) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	server, err := startServer()
	if err != nil {
		return err
	}
	defer func() { server.stop() }()
	r := &report{rounds: rounds, builds: builds}
	begun := time.Now()
	failed := func(name string, err error) error {
		fmt.Fprintf(os.Stderr, "%s FAILED: %v\n", name, err)
		r.failed = append(r.failed, fmt.Sprintf("%s: %v", name, err))
		server.stop() // it may be the server that failed
		server, err = startServer()
		return err
	}
	measured := func(row row, rounds int) (samples, error) {
		got := samples{}
		for round := range rounds {
			if round > 0 && time.Since(begun) > limit {
				break
			}
			order := row.clients()
			if round%2 == 1 {
				slices.Reverse(order) // no client is always first
			}
			for _, name := range order {
				s, err := server.sample(row, name)
				if err != nil {
					return nil, err
				}
				got[name] = append(got[name], s)
			}
		}
		return got, nil
	}
	for _, row := range rows() {
		if !wanted.MatchString(row.Name) {
			continue
		}
		got, err := measured(row, rounds*max(row.more, 1))
		if err != nil {
			if err := failed(row.Name, err); err != nil {
				return err
			}
			continue
		}
		for _, line := range r.add(row, got) {
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
		got, list := samples{}, names()
		if row.job.Size > 500*mega {
			list = []string{"ours"} // measured only for constant memory
		}
		row.figures = []figure{heap(0)}
		var err error
		for _, name := range list {
			s, failure := server.sample(row, name)
			if err = failure; err != nil {
				break
			}
			got[name] = append(got[name], s)
		}
		if err != nil {
			if err := failed(fmt.Sprint(row.Name, " ", row.job.Size), err); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(os.Stderr, row.Name, row.job.Size)
		r.scales = append(r.scales, scaled{row, got})
	}
	if builds > 0 {
		if r.programs, err = measurePrograms(server, builds); err != nil {
			r.programs = nil
			if err := failed("programs", err); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(os.Stderr, "measured in %v; %d targets missed; %d rows failed\n", time.Since(begun).Round(time.Second), r.missed, len(r.failed))
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
