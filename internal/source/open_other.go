//go:build !unix

package source

// NonBlock is 0, because opening a file does not wait there.
const NonBlock = 0
