//go:build unix

package databrickstest

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into its own process group, so that signals also
// reach its child processes.
func ownGroup(process *exec.Cmd) { process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(process *exec.Cmd) { _ = syscall.Kill(-process.Process.Pid, syscall.SIGINT) }

func kill(process *exec.Cmd) { _ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
