package v12

import "testing"

// Responses of older and newer servers are tolerated; see
// [contract.Suite.Decoding].

func TestDecode(t *testing.T) { contractSuite.Decoding(t) }

// A response that expands from a few bytes must not use much memory.
func TestDecode_hostile(t *testing.T) { contractSuite.Hostile(t, true) }

func FuzzDecode(f *testing.F) { contractSuite.Fuzz(f) }
