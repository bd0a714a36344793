package graphsim

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"graphpatch/internal/graphsim/entra"
)

// Config says how the pretender behaves. Its zero value is usable: Microsoft's
// limits, any bearer token, no faults, no latency.
type Config struct {
	Addr   string // for Listen; "" is 127.0.0.1:0
	Public bool   // permits an Addr that is not loopback

	Tokens     []string // the accepted bearer tokens; none: any non-empty one
	WriteLimit Limit    // zero: DefaultWriteLimit
	ReadLimit  Limit    // zero: DefaultReadLimit

	Latency time.Duration // every answer waits this long
	Jitter  time.Duration // and up to this much longer

	Faults          []Fault
	Seed            uint64 // of the draws that decide on faults; 0 is 1
	FaultRetryAfter string // sent as it is with 429 and 503 faults; "" is "1", "none" sends no header

	Strict       bool // a PATCH never creates a status
	Statuses     int  // statuses present from the start
	PageSize     int  // of a listing; 0 is 1000, as Graph does
	KeepRequests int  // exchanges kept in the log; 0 is 1,000,000

	Login       *entra.Config // the login service, whose tokens are then the only ones accepted; nil: none
	LoginAddr   string        // for Start; "" is 127.0.0.1:0
	ProxyAddr   string        // for Start; "" starts no proxy
	ClockOffset time.Duration // the simulator's clock is ahead by this much
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.WriteLimit = cmp.Or(c.WriteLimit, DefaultWriteLimit)
	c.ReadLimit = cmp.Or(c.ReadLimit, DefaultReadLimit)
	c.Seed = cmp.Or(c.Seed, 1)
	c.FaultRetryAfter = cmp.Or(c.FaultRetryAfter, "1")
	c.PageSize = cmp.Or(c.PageSize, 1000)
	c.KeepRequests = cmp.Or(c.KeepRequests, 1_000_000)
	c.LoginAddr = cmp.Or(c.LoginAddr, "127.0.0.1:0")
	return c
}

// check names everything that is wrong, joined.
func (c Config) check() error {
	return errors.Join(
		checkAddr(c.Addr, c.Public),
		wrap("write", c.WriteLimit.check()),
		wrap("read", c.ReadLimit.check()),
		notNegative("latency", c.Latency),
		notNegative("jitter", c.Jitter),
		notNegative("statuses", c.Statuses),
		notNegative("page size", c.PageSize),
		notNegative("keep requests", c.KeepRequests),
		checkTokens(c.Tokens),
		checkRetryAfter(c.FaultRetryAfter),
		checkFaults(c.Faults),
		wrap("login", checkAddr(c.LoginAddr, c.Public)),
		wrap("proxy", checkProxyAddr(c.ProxyAddr, c.Public)),
	)
}

func notNegative[T int | time.Duration](name string, value T) error {
	if value < 0 {
		return fmt.Errorf("%s %v: must not be negative", name, value)
	}
	return nil
}

func checkTokens(tokens []string) error {
	for i, token := range tokens {
		if token == "" || strings.ContainsAny(token, " \t\r\n") {
			return fmt.Errorf("token %d: empty or with white space in it", i+1)
		}
	}
	return nil
}

// checkRetryAfter lets odd values through, because clients must survive them;
// a line break would be a header of its own.
func checkRetryAfter(text string) error {
	if strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("fault retry-after %q: must be one line", text)
	}
	return nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %w", what, err)
}
