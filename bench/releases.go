package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// runReleases measures with each Go release, in a process that was built with that
// release. It writes one report with a section for each.
func runReleases(releases []string, rounds, builds int, dir string) error {
	temp, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var all bytes.Buffer
	all.WriteString("# Speed, side by side, with each Go release\n\nRatios compare what was measured in one run with one release. Never compare figures of two runs.\n\n")
	for i, release := range releases {
		binary, part := filepath.Join(temp, release+".bench"), filepath.Join(temp, release)
		if err := os.Mkdir(part, 0o777); err != nil {
			return err
		}
		for _, command := range [][]string{
			{"go", "build", "-o", binary, "."},
			{binary, "-rounds", strconv.Itoa(rounds), "-builds", strconv.Itoa(builds), "-scales=" + strconv.FormatBool(i == 0), "-o", part},
		} {
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+release)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w", release, err)
			}
		}
		text, err := os.ReadFile(filepath.Join(part, "REPORT.md"))
		if err != nil {
			return err
		}
		all.WriteString(releaseSection(release, string(text)))
		for _, plot := range []string{"files.svg", "heap.svg"} {
			if i == 0 {
				if err := os.Rename(filepath.Join(part, plot), filepath.Join(dir, plot)); err != nil {
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

// releaseSection turns a report into a section of a larger one. It moves headings
// one level down.
func releaseSection(release, text string) string {
	_, text, _ = strings.Cut(text, "\n") // without its title
	text = strings.ReplaceAll(text, "\n## ", "\n### ")
	return "## Go " + strings.TrimPrefix(release, "go") + "\n" + text
}
