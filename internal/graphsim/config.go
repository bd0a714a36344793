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

	Window     string // the shape of all windows: Rolling, Fixed or Bucket; "" is Rolling
	AnyLimit   Limit  // of one token's requests of any kind together; zero: none
	Tenant     Limit  // of the writes of all tokens together; zero: none
	OtherApp   Limit  // writes of an app that is not here, evenly spread, which use the tenant's limit
	EarlyRetry string // what coming before Retry-After is over does: EarlyIgnore or EarlyRestart; "" is EarlyIgnore

	ThrottleHeaders bool // answers tell how much of the limit is left

	Latency time.Duration // of every request: half of it before it is looked at
	Jitter  time.Duration // and up to this much longer

	Faults          []Fault
	Seed            uint64        // of the draws that decide on faults; 0 is 1
	FaultRetryAfter string        // sent as it is with 429 and 503 faults; "" is "1", "none" sends no header
	SlowBodyTime    time.Duration // that the slow-body fault takes; 0 is 5 s
	Script          Script        // wins over Faults

	Recording       *Recording // answers that are played back, after faults and script; nil: none
	RecordedLatency bool       // each of them takes as long as it did then

	NoOp400 bool // a PATCH that would change nothing is refused

	Strict       bool // a PATCH never creates a status
	Statuses     int  // statuses present from the start
	PageSize     int  // of a listing; 0 is 1000, as Graph does
	KeepRequests int  // exchanges kept in the log; 0 is 1,000,000

	Login       *entra.Config // the login service, whose tokens are then the only ones accepted; nil: none
	LoginAddr   string        // for Start; "" is 127.0.0.1:0
	ProxyAddr   string        // for Start; "" starts no proxy
	ClockOffset time.Duration // the simulator's clock is ahead by this much
}

// What happens to a request that comes before the Retry-After of a limit, which
// it was told, is over.
const (
	EarlyIgnore  = "ignore"  // it is judged as any other
	EarlyRestart = "restart" // it is refused, and the wait begins anew
)

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.WriteLimit = cmp.Or(c.WriteLimit, DefaultWriteLimit)
	c.ReadLimit = cmp.Or(c.ReadLimit, DefaultReadLimit)
	c.Window = cmp.Or(c.Window, Rolling)
	c.EarlyRetry = cmp.Or(c.EarlyRetry, EarlyIgnore)
	c.Seed = cmp.Or(c.Seed, 1)
	c.FaultRetryAfter = cmp.Or(c.FaultRetryAfter, "1")
	c.SlowBodyTime = cmp.Or(c.SlowBodyTime, 5*time.Second)
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
		checkShape(c.Window),
		wrap("any", c.AnyLimit.checkOptional()),
		c.checkTenant(),
		checkEarlyRetry(c.EarlyRetry),
		notNegative("latency", c.Latency),
		notNegative("jitter", c.Jitter),
		notNegative("statuses", c.Statuses),
		notNegative("page size", c.PageSize),
		notNegative("keep requests", c.KeepRequests),
		checkTokens(c.Tokens),
		checkRetryAfter(c.FaultRetryAfter),
		notNegative("slow body time", c.SlowBodyTime),
		checkFaults(c.Faults),
		c.checkRecording(),
		wrap("login", checkAddr(c.LoginAddr, c.Public)),
		wrap("proxy", checkProxyAddr(c.ProxyAddr, c.Public)),
	)
}

func (c Config) limits() limits {
	return limits{
		shape: c.Window, own: [classes]Limit{write: c.WriteLimit, read: c.ReadLimit, anything: c.AnyLimit},
		tenant: c.Tenant, otherApp: c.OtherApp, restart: c.EarlyRetry == EarlyRestart,
	}
}

func (c Config) checkTenant() error {
	if c.OtherApp != (Limit{}) && c.Tenant == (Limit{}) {
		return fmt.Errorf("other app %s: there is no tenant limit that it could use", c.OtherApp)
	}
	return errors.Join(wrap("tenant", c.Tenant.checkOptional()), wrap("other app", c.OtherApp.checkOptional()))
}

func (c Config) checkRecording() error {
	if c.RecordedLatency && c.Recording == nil {
		return errors.New("latency recorded: there is no recording")
	}
	return nil
}

func checkEarlyRetry(word string) error {
	if word == EarlyIgnore || word == EarlyRestart {
		return nil
	}
	return fmt.Errorf("early retry %q is unknown: there are %s, %s", word, EarlyIgnore, EarlyRestart)
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
