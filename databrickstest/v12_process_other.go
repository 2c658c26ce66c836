//go:build !unix

package databrickstest

import "os/exec"

func ownGroup(*exec.Cmd) {}

// interrupt kills, as there is no gentler way.
func interrupt(process *exec.Cmd) { kill(process) }

func kill(process *exec.Cmd) { process.Process.Kill() }
