package databricks

import "testing"

// What servers of other ages answer is borne; see [contract.Suite.Decoding].

func TestDecode(t *testing.T) { contractSuite.Decoding(t) }

// A few bytes that claim to be many take little memory.
func TestDecode_hostile(t *testing.T) { contractSuite.Hostile(t, *EveryCell) }

func FuzzDecode(f *testing.F) { contractSuite.Fuzz(f) }
