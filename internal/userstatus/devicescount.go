package userstatus

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// ParseDevicesCount accepts an Edm.Int32 in its one decimal form: no sign but a minus, no leading zeros, no
// fraction, -2147483648 to 2147483647. One form only, so that what is stored reads back as it was given. The error
// is a *ValueError.
func ParseDevicesCount(s string) (int32, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err == nil && strconv.FormatInt(n, 10) == s {
		return int32(n), nil
	}
	if err == nil {
		return 0, &ValueError{Value: s, Problem: "is not written as a plain whole number", Right: fmt.Sprintf("write %d", n)}
	}
	// A number too large even for a float comes back as infinite, with ErrRange.
	if f, ferr := strconv.ParseFloat(s, 64); ferr == nil || errors.Is(ferr, strconv.ErrRange) {
		if f == math.Trunc(f) && f >= math.MinInt32 && f <= math.MaxInt32 {
			return 0, &ValueError{Value: s, Problem: "is not written as a plain whole number", Right: fmt.Sprintf("write %d", int32(f))}
		}
		if f < math.MinInt32 || f > math.MaxInt32 {
			return 0, &ValueError{Value: s, Problem: "does not fit an Int32", Right: "use -2147483648 to 2147483647"}
		}
	}
	return 0, &ValueError{Value: s, Problem: "is no whole number", Right: "use digits only, -2147483648 to 2147483647"}
}
