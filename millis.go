package databricks

import "time"

// Millis is a time as the service writes it: milliseconds since 1970, UTC.
// Zero means that there is none.
type Millis int64

// MillisOf returns t as the service writes it, and zero for the zero time.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time returns the time, and the zero time for zero.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}
