package databricks

import "time"

// Millis is a time in milliseconds since 1970, UTC. Zero means that there is no
// time.
type Millis int64

// MillisOf converts a time. It returns zero for the zero time.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time converts m to a time.Time. It returns the zero time for zero.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}
