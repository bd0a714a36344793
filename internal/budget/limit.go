package budget

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a number of requests in any window of time, e.g. 100 per 20 s.
type Limit struct {
	Requests int
	Window   time.Duration
}

// DefaultWrites is Graph's documented limit for Intune device configuration: POST, PUT, DELETE and PATCH per app and
// tenant.
var DefaultWrites = Limit{Requests: 100, Window: 20 * time.Second}

// DefaultReads is what the documented 1000 requests of any kind leave beside the writes, which count as "any" too.
var DefaultReads = Limit{Requests: 900, Window: 20 * time.Second}

// slack is added to the window when a limit is turned into a pace: requests arrive a little earlier or later than
// they were sent, and those of one window must not slip into the one before. It costs 1 % of the rate at 20 s.
const slack = 200 * time.Millisecond

// maxRequests and maxWindow bound what can be meant; beyond them an interval would round to nothing.
const (
	maxRequests = 1_000_000_000
	maxWindow   = 24 * time.Hour
)

// ParseLimit reads "100/20s".
func ParseLimit(s string) (Limit, error) {
	number, window, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > maxRequests {
		return Limit{}, fmt.Errorf("%q is no limit: write requests/window, like 100/20s", s)
	}
	d, err := time.ParseDuration(window)
	if err != nil || d < time.Millisecond || d > maxWindow {
		return Limit{}, fmt.Errorf("%q is no limit: the window is a duration from 1ms to 24h, as in 100/20s", s)
	}
	return Limit{Requests: n, Window: d}, nil
}

// UnmarshalText lets a Limit stand in flags and files.
func (l *Limit) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLimit(string(text))
	return err
}

// String returns the limit as it is written.
func (l Limit) String() string { return strconv.Itoa(l.Requests) + "/" + l.Window.String() }

// Interval is the emission interval: requests that leave no closer together than this keep any window within the limit.
// It panics for a limit that allows nothing, which ParseLimit does not return.
func (l Limit) Interval() time.Duration {
	if l.Requests < 1 || l.Window <= 0 {
		panic("budget: " + l.String() + " is no limit")
	}
	// Rounded up: rounded down, a window of many requests would be short by as many nanoseconds.
	n := time.Duration(l.Requests)
	return (l.Window + slack + n - 1) / n
}

// Times is the limit of so many that have this one each.
func (l Limit) Times(n int) Limit {
	l.Requests = min(maxRequests, l.Requests*n)
	return l
}

// Time returns how long n requests take at the limit, at most the 292 years of a Duration.
func (l Limit) Time(n int) time.Duration { return times(n, l.Interval()) }
