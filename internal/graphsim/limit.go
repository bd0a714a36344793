package graphsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a number of requests in a window of a length: 100/20s.
type Limit struct {
	Requests int
	Window   time.Duration
}

// The published limits of Intune device configuration, per app and tenant:
// 100 writes in 20 s, and 1000 of any kind. A write counts as "any" too, which
// leaves 900 for reads when writing at full rate.
var (
	DefaultWriteLimit = Limit{Requests: 100, Window: 20 * time.Second}
	DefaultReadLimit  = Limit{Requests: 900, Window: 20 * time.Second}
)

// maxLimitRequests keeps the memory of one full window below 80 MB.
const maxLimitRequests = 10_000_000

// ParseLimit reads N/DURATION, for example 100/20s.
func ParseLimit(text string) (Limit, error) {
	number, window, found := strings.Cut(text, "/")
	if !found {
		return Limit{}, fmt.Errorf("limit %q: want N/DURATION, for example 100/20s", text)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return Limit{}, fmt.Errorf("limit %q: %q is not a whole number", text, number)
	}
	d, err := time.ParseDuration(window)
	if err != nil {
		return Limit{}, fmt.Errorf("limit %q: %q is not a duration, for example 20s", text, window)
	}
	limit := Limit{Requests: n, Window: d}
	if err := limit.check(); err != nil {
		return Limit{}, err
	}
	return limit, nil
}

func (l Limit) check() error {
	if l.Requests < 1 || l.Requests > maxLimitRequests {
		return fmt.Errorf("limit %s: the number of requests must be 1 to %d", l, maxLimitRequests)
	}
	if l.Window <= 0 {
		return fmt.Errorf("limit %s: the window must be longer than zero", l)
	}
	return nil
}

// checkOptional lets the zero limit pass, which is none.
func (l Limit) checkOptional() error {
	if l == (Limit{}) {
		return nil
	}
	return l.check()
}

// String is the form that ParseLimit reads.
func (l Limit) String() string {
	return fmt.Sprintf("%d/%s", l.Requests, l.Window)
}
