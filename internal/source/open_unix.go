//go:build unix

package source

import "syscall"

// NonBlock is the flag that opens a named pipe without waiting for a writer.
const NonBlock = syscall.O_NONBLOCK
