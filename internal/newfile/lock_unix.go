//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package newfile

import (
	"os"
	"syscall"
)

// lock prevents other processes from resuming the same file while f is open. It
// reports whether it could lock f.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }

// renamesOpen reports whether an open file can be renamed, so that it stays locked
// until it has its name.
const renamesOpen = true
