//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package newfile

import (
	"os"
	"syscall"
)

// lock keeps others from resuming the same file for as long as f is open. It
// reports whether nobody has done so to f.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }

// renamesOpen is whether an open file can be renamed, so that it is locked until
// it has its name.
const renamesOpen = true
