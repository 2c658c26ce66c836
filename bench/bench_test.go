package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestClients lets every client do every work once, with small sizes, and checks
// the results.
func TestClients(t *testing.T) {
	at, err := newServer().listen()
	if err != nil {
		t.Fatal(err)
	}
	for name := range clients {
		for work := range works {
			t.Run(name+" "+work, func(t *testing.T) {
				j := job{Client: name, Work: work, Times: 1, Size: 3 * 999, Host: at.host, Control: at.control}
				set := settings{Elements: j.Size, Files: j.serverFiles()}
				if _, err := control(at.control, &set); err != nil {
					t.Fatal(err)
				}
				s, err := measure(j, "")
				if err != nil {
					t.Fatal(err)
				}
				if s.Wall <= 0 || s.Allocs <= 0 {
					t.Errorf("nothing was measured: %+v", s)
				}
			})
		}
	}
}

// TestClients_transports checks that the rows for compression and HTTP/2 use them.
func TestClients_transports(t *testing.T) {
	at, err := newServer().listen()
	if err != nil {
		t.Fatal(err)
	}
	for name := range clients {
		for _, j := range []job{
			{Work: "list-clusters", Host: at.host, Gzip: true}, {Work: "list-clusters", Host: at.tls, TLS: true}, {Work: "get-cluster", Host: at.tls, TLS: true, Parallel: 16},
		} {
			j.Client, j.Times, j.Size, j.Control = name, 20, 100, at.control
			if _, err := control(at.control, &settings{Elements: j.Size, Gzip: j.Gzip}); err != nil {
				t.Fatal(err)
			}
			s, err := measure(j, "")
			if err != nil || s.Requests != 1 || j.TLS && j.Parallel == 0 && s.Conns != 1 {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
		}
	}
}

// TestClients_content checks that uploads and downloads keep the content of files
// of all sizes.
func TestClients_content(t *testing.T) {
	at, err := newServer().listen()
	if err != nil {
		t.Fatal(err)
	}
	for name, made := range clients {
		c, err := made(at.host, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, blockSize - 1, 3 * blockSize, 3*blockSize + 5} {
			want := make([]byte, size)
			endless{}.ReadAt(want, 0)
			j := job{Work: "download", Size: size}
			if _, err := control(at.control, &settings{Files: j.serverFiles()}); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := c.Download(context.Background(), "/files/large", &got); err != nil {
				t.Fatal(name, size, err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s: a file of %d bytes came as %d others", name, size, got.Len())
			}
			if err := c.Upload(context.Background(), "/files/copy", bytes.NewReader(want)); err != nil {
				t.Fatal(name, size, err)
			}
			got.Reset()
			if err := c.Download(context.Background(), "/files/copy", &got); err != nil || got.Len() != size {
				t.Errorf("%s: %d bytes went up, %d came down: %v", name, size, got.Len(), err)
			}
		}
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	r := &report{rounds: 1, programs: map[string]program{"ours": {Size: 2, Init: 2}, "plain": {Size: 1}}}
	for _, row := range rows() {
		r.add(row, samples{"ours": {{Wall: 1, CPU: 2}}, "plain": {{Wall: 2, CPU: 1}}})
	}
	for _, row := range scales() {
		r.scales = append(r.scales, scaled{row, samples{"ours": {{HeapRise: 1}}, "plain": {{HeapRise: 2}}}})
	}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"REPORT.md", "files.svg", "heap.svg"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || bytes.Contains(text, []byte("NaN M")) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	if !bytes.Contains(text, []byte("**missed**")) {
		t.Errorf("twice the CPU is a target missed:\n%s", text)
	}
}

// A report of several releases has one section for each.
func TestReleaseSection(t *testing.T) {
	got := releaseSection("go1.27.4", "# Title\n\ntext\n\n## A\n\n| x |\n")
	if want := "## Go 1.27.4\n\ntext\n\n### A\n\n| x |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
