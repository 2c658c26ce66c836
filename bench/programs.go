package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A program has the measurements of one of the programs in hello.
type program struct {
	Size, Cold, Warm, Init, Run, Requests float64 // bytes, CPU seconds twice, seconds, CPU seconds, number
	Packages, Modules                     float64
}

// measurePrograms builds each program several times. It returns medians.
func measurePrograms(server *serverProcess, builds int) (map[string]program, error) {
	all := map[string][]program{}
	for range builds {
		for _, name := range names() {
			p, err := measureProgram(server, name)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(os.Stderr, "%s: %+v\n", name, p)
			all[name] = append(all[name], p)
		}
	}
	medians := map[string]program{}
	for name, list := range all {
		of := func(field func(program) float64) float64 {
			var values []float64
			for _, p := range list {
				values = append(values, field(p))
			}
			return median(values)
		}
		m := list[0]
		m.Cold = of(func(p program) float64 { return p.Cold })
		m.Warm = of(func(p program) float64 { return p.Warm })
		m.Run = of(func(p program) float64 { return p.Run })
		m.Init = of(func(p program) float64 { return p.Init })
		medians[name] = m
	}
	return medians, nil
}

func measureProgram(server *serverProcess, name string) (p program, err error) {
	dir, err := os.MkdirTemp("", "hello")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(dir)
	binary, source := filepath.Join(dir, name), "./hello/"+name
	build := func(env ...string) (float64, error) {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, source)
		cmd.Env = append(append(os.Environ(), "GOCACHE="+filepath.Join(dir, "cache")), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
		return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), nil
	}
	if p.Cold, err = build(); err != nil {
		return p, err
	}
	// The packages are compiled now, so this measures only the link step.
	os.Remove(binary)
	if p.Warm, err = build(); err != nil {
		return p, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return p, err
	}
	p.Size = float64(info.Size())
	deps, err := exec.Command("go", "list", "-deps", source).Output()
	if err != nil {
		return p, err
	}
	p.Packages = float64(strings.Count(string(deps), "\n"))
	modules, err := exec.Command("go", "version", "-m", binary).Output()
	if err != nil {
		return p, err
	}
	p.Modules = float64(strings.Count(string(modules), "\tdep\t"))

	if _, err := control(server.control, &settings{Elements: 3}); err != nil {
		return p, err
	}
	var inits, cpus []float64
	const runs = 11
	for range runs {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1", "DATABRICKS_HOST="+server.host, "DATABRICKS_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return p, fmt.Errorf("running %s: %w\n%s", name, err, out)
		}
		inits = append(inits, initTime(string(out)))
		cpus = append(cpus, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	}
	p.Init, p.Run = median(inits), median(cpus)
	seen, err := control(server.control, nil)
	p.Requests = float64(seen.Requests) / runs
	return p, err
}

var initLine = regexp.MustCompile(`(?m)^init \S+ @\S+ ms, (\S+) ms clock`)

// initTime returns the sum of the init times in the output of GODEBUG=inittrace=1,
// in seconds.
func initTime(trace string) (sum float64) {
	for _, m := range initLine.FindAllStringSubmatch(trace, -1) {
		ms, _ := strconv.ParseFloat(m[1], 64)
		sum += ms / 1e3
	}
	return sum
}
