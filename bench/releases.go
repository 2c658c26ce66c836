package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// runReleases measures with each Go release, in a process that was built with that
// release. It writes one report with a section for each.
func runReleases(releases []string, rounds, builds int, dir string, limit time.Duration) error {
	temp, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var all bytes.Buffer
	all.WriteString("# Speed, side by side, with each Go release\n\nRatios compare what was measured in one run with one release. Never compare figures of two runs.\n\n")
	for i, release := range releases {
		part := filepath.Join(temp, release)
		text, err := runRelease(release, part, rounds, builds, i == 0, limit)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s FAILED: %v\n", release, err)
			text = fmt.Sprintf("\n\nThis release was not measured: %v\n\n", err)
		}
		all.WriteString(releaseSection(release, text))
		if i == 0 && err == nil {
			for _, plot := range []string{"files.svg", "heap.svg"} {
				if err := copyFile(filepath.Join(part, plot), filepath.Join(dir, plot)); err != nil {
					return err
				}
			}
		}
	}
	notes, err := os.ReadFile(filepath.Join(dir, "NOTES.md"))
	if err != nil {
		return err
	}
	all.Write(notes)
	return os.WriteFile(filepath.Join(dir, "REPORT.md"), all.Bytes(), 0o666)
}

// runRelease measures with one release, and returns its report.
func runRelease(release, dir string, rounds, builds int, scaling bool, limit time.Duration) (string, error) {
	binary := dir + ".bench"
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", err
	}
	for _, command := range [][]string{
		{"go", "build", "-o", binary, "."},
		{binary, "-rounds", strconv.Itoa(rounds), "-builds", strconv.Itoa(builds), "-scales=" + strconv.FormatBool(scaling), "-limit", limit.String(), "-o", dir},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+release)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	return string(text), err
}

// copyFile copies a file, also between file systems.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o666)
	}
	return err
}

// releaseSection turns a report into a section of a larger one. It moves headings
// one level down.
func releaseSection(release, text string) string {
	_, text, _ = strings.Cut(text, "\n") // without its title
	text = strings.ReplaceAll(text, "\n## ", "\n### ")
	return "## Go " + strings.TrimPrefix(release, "go") + "\n" + text
}
