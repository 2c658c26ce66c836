package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"syscall"
	"time"

	"os"
)

// A sample is the measurement of one process. All values are per unit of work,
// except HeapRise, Conns and Held.
type sample struct {
	Wall, CPU float64 // seconds
	Allocs    float64 // number of allocations
	Allocated float64 // bytes
	HeapRise  float64 // maximum growth of the heap in bytes, including garbage
	Requests  float64
	BytesIn   float64 // received by the server
	Conns     float64 // opened
	Held      float64 // size of the result in bytes: the heap after the work and a garbage collection
}

// measure runs a job. It runs in its own process.
func measure(j job, profile string) (s sample, err error) {
	ctx := context.Background()
	c, err := clients[j.Client](hostOr(j.Host), j.transport())
	if err != nil {
		return s, err
	}
	if j.dir, err = os.MkdirTemp(scratch(), "bench"); err != nil {
		return s, err
	}
	defer os.RemoveAll(j.dir)
	do, err := works[j.Work](j)
	if err != nil {
		return s, err
	}
	warm := j
	if warm.Times = 1; j.Parallel > 1 {
		warm.Parallel, warm.Times = j.Parallel, 4*j.Parallel
	}
	if err := warm.repeat(ctx, c, do); err != nil {
		return s, fmt.Errorf("%s, %s: %w", j.Client, j.Work, err)
	}
	if j.Heap {
		s.HeapRise, s.Held, err = heapRise(func() (any, error) { return do(ctx, c) })
		return s, err
	}
	var before, after stats
	if j.Host != "" {
		if before, err = control(j.Control, nil); err != nil {
			return s, err
		}
	}
	runtime.GC()
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return s, err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return s, err
		}
		defer pprof.StopCPUProfile()
	}
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	start, cpu := time.Now(), cpuTime()
	if err := j.repeat(ctx, c, do); err != nil {
		return s, fmt.Errorf("%s, %s: %w", j.Client, j.Work, err)
	}
	wall, cpu := time.Since(start), cpuTime()-cpu
	runtime.ReadMemStats(&m1)
	if j.Host != "" && j.Work != "wait-running" {
		if after, err = control(j.Control, nil); err != nil {
			return s, err
		}
	}
	n := float64(j.Times)
	return sample{
		Wall: wall.Seconds() / n, CPU: cpu.Seconds() / n,
		Allocs: float64(m1.Mallocs-m0.Mallocs) / n, Allocated: float64(m1.TotalAlloc-m0.TotalAlloc) / n,
		Requests: float64(after.Requests-before.Requests) / n, BytesIn: float64(after.BytesIn-before.BytesIn) / n,
		Conns: float64(after.Conns),
	}, nil
}

func hostOr(host string) string {
	if host == "" {
		return "http://localhost"
	}
	return host
}

// cpuTime returns the CPU time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// heapRise returns the maximum growth of the heap while f runs, including garbage
// that is not yet collected.
func heapRise(f func() (any, error)) (rise, kept float64, err error) {
	runtime.GC()
	runtime.GC()
	at := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() float64 {
		metrics.Read(at)
		return float64(at[0].Value.Uint64())
	}
	base := heap()
	done, peak := make(chan bool), make(chan float64)
	go func() {
		most := base
		for ticker := time.NewTicker(200 * time.Microsecond); ; {
			select {
			case <-ticker.C:
				most = max(most, heap())
			case <-done:
				peak <- max(most, heap())
				return
			}
		}
	}()
	held, err := f()
	close(done)
	most := <-peak
	runtime.GC()
	runtime.GC()
	kept = heap() - base
	runtime.KeepAlive(held)
	return most - base, kept, err
}
