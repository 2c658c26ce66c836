//go:build !unix

package databrickstest

import "os/exec"

func ownGroup(*exec.Cmd) {}

// interrupt kills the process, because this system has no interrupt.
func interrupt(process *exec.Cmd) { kill(process) }

func kill(process *exec.Cmd) { process.Process.Kill() }
