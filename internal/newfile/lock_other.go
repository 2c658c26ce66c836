//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package newfile

import "os"

// lock does nothing, because there is no portable way to lock a file.
func lock(*os.File) bool { return true }

const renamesOpen = false
