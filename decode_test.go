package databricks

import "testing"

// What servers of other ages answer is borne; see [contract.Suite.Decoding].

func TestDecode(t *testing.T) { contractSuite.Decoding(t) }

func FuzzDecode(f *testing.F) { contractSuite.Fuzz(f) }
