package newfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock keeps others from resuming the same file for as long as f is open. It
// reports whether nobody has done so to f. Windows prevents others from reading
// and writing what is locked, so the byte that is locked lies past the end.
func lock(f *os.File) bool {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	past := windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &past) == nil
}

const renamesOpen = false
