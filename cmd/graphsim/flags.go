package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"graphpatch/internal/graphsim"
)

// flags are the command line. Each has a variable of the same name in the
// environment, GRAPHSIM_WRITE_LIMIT for --write-limit; the flag wins.
type flags struct {
	Addr   string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one."`
	Public bool   `help:"Permit an address that is not loopback, as a container needs. Anybody who reaches it can read all that was sent."`

	Token      []string `placeholder:"TOKEN" help:"Bearer token to accept; repeatable, or several with commas. Without any, every token is accepted."`
	WriteLimit string   `default:"100/20s" placeholder:"N/DURATION" help:"Most POST, PUT, DELETE and PATCH requests of one token in a window."`
	ReadLimit  string   `default:"900/20s" placeholder:"N/DURATION" help:"Most other requests of one token in a window."`
	AnyLimit   string   `default:"none" placeholder:"N/DURATION" help:"Most requests of one token of any kind together; Graph documents 1000/20s."`

	Window          string `default:"rolling" placeholder:"SHAPE" help:"Shape of all windows: rolling, fixed (aligned to the clock) or bucket (a burst of the limit, refilled evenly)."`
	TenantLimit     string `default:"none" placeholder:"N/DURATION" help:"Most writes of all tokens together; Graph documents 200/20s."`
	OtherApp        string `default:"none" placeholder:"N/DURATION" help:"Another app that uses so many writes of the tenant's limit, evenly spread."`
	EarlyRetry      string `default:"ignore" placeholder:"WORD" help:"What a request that comes before the Retry-After of a limit is over gets: ignore judges it as any other, restart refuses it and begins the wait anew."`
	ThrottleHeaders bool   `help:"Add RateLimit-Limit, -Remaining and -Reset to answers, and from 80 % of the limit on x-ms-throttle-limit-percentage."`

	Latency string        `default:"0s" placeholder:"DURATION" help:"How long each request takes: half of it on the way there, half on the way back. With --from-audit also recorded: what is played back takes as long as it did."`
	Jitter  time.Duration `default:"0s" placeholder:"DURATION" help:"And up to this much longer, at random."`

	Fault           []string      `placeholder:"KIND:SELECTOR…" help:"Fail on purpose, as told above; repeatable, or several with commas."`
	FaultRetryAfter string        `default:"1" placeholder:"VALUE" help:"Retry-After of the faults 429, 429-odd and 503, sent as it is; none leaves it out."`
	SlowBodyTime    time.Duration `default:"5s" placeholder:"DURATION" help:"How long the body of a slow-body fault takes."`
	FromAudit       string        `name:"from-audit" placeholder:"FILE" help:"Play back what a tenant answered: the output of audit events --bodies in JSON. The requests for each status get its answers one after the other, and the last one from then on; what nothing is recorded of is answered as always."`
	Script          string        `placeholder:"FILE" help:"YAML file that says which answers come one after the other, as told above."`
	Seed            uint64        `default:"1" placeholder:"N" help:"Seed of the draws that decide on faults."`

	NoOp400      bool `name:"no-op-400" help:"Answer 400 to a PATCH that would change nothing."`
	Strict       bool `help:"Answer 404 to a PATCH of a status that is not there, instead of creating it."`
	Statuses     int  `default:"0" placeholder:"N" help:"Statuses that are there from the start, in configuration ${demo}."`
	PageSize     int  `default:"1000" placeholder:"N" help:"Statuses on one page of a listing."`
	KeepRequests int  `default:"1000000" placeholder:"N" help:"Exchanges to keep in the log; the oldest are dropped."`

	loginFlags `embed:"" group:"login"`
}

const description = `A Microsoft Graph on loopback: the userStatuses of Intune's device configurations, with throttling, errors and failures on purpose.

Look inside at /_sim/requests, /_sim/stats and /_sim/statuses; POST /_sim/reset starts anew. POST /_sim/faults with {"faults":["503:2%"],"script":[]} puts others in the place of the faults and the script while it runs.

With --login, tokens come from a login service that stands for Microsoft Entra ID. Look at /_sim/logins, and change it while it runs with POST /_sim/login.`

// Help is what follows the description: all that --fault and --script take.
func (f *flags) Help() string {
	return `A fault is a KIND and its SELECTORs, joined by colons, for example 503:2%, 429:first=3 or noop:method=PATCH:status=u1. All selectors must hold; there must be one at least:

` + indent(`2% or 0.02     a share of the requests
method=GET     or PATCH
route=NAME     `+strings.Join(graphsim.RouteNames(), "\n               ")+`
first=N        only the first N of those that match the rest
after=N        all but the first N of those that match the rest
status=ID      exactly this status; it comes last and takes the rest of the text`) + `
A request meets the first fault, in the order given, whose selectors hold.

` + indent(graphsim.FaultHelp()) + `
A script is a list of rules, of which the first that matches a request decides, before any fault:

` + indent(graphsim.ScriptHelp)
}

// indent is how the help knows what not to fill.
func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

// usageError says that the command line or the environment is at fault.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// parse reads the command line. Help that was asked for is printed, and done.
func parse(args, env []string, stdout, stderr io.Writer) (f flags, done bool, err error) {
	parser, err := kong.New(&f,
		kong.Name("graphsim"), kong.Description(description), kong.Vars{"demo": graphsim.DemoConfiguration}, kong.Vars(loginDefaults),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { done = true }),
		kong.Resolvers(environment(env)), kong.ValueFormatter(explain),
	)
	if err != nil {
		return f, false, err
	}
	if _, err = parser.Parse(args); err != nil {
		return f, done, usageError{err}
	}
	return f, done, nil
}

// simulator makes what the flags ask for, and reports all their faults joined. recording may be nil.
func (f *flags) simulator(recording *graphsim.Recording) (*graphsim.Server, error) {
	writes, writeErr := graphsim.ParseLimit(f.WriteLimit)
	reads, readErr := graphsim.ParseLimit(f.ReadLimit)
	anything, anyErr := optionalLimit(f.AnyLimit)
	tenant, tenantErr := optionalLimit(f.TenantLimit)
	otherApp, otherErr := optionalLimit(f.OtherApp)
	faults, faultErr := parseFaults(f.Fault)
	script, scriptErr := readScript(f.Script)
	login, loginErr := f.loginFlags.config()
	latency, asRecorded, latencyErr := parseLatency(f.Latency)
	sim, err := graphsim.New(graphsim.Config{
		Addr: f.Addr, Public: f.Public,
		Tokens: f.Token, WriteLimit: writes, ReadLimit: reads,
		AnyLimit: anything, Window: f.Window, Tenant: tenant, OtherApp: otherApp, EarlyRetry: f.EarlyRetry, ThrottleHeaders: f.ThrottleHeaders,
		Latency: latency, RecordedLatency: asRecorded, Jitter: f.Jitter, Recording: recording,
		Faults: faults, Seed: f.Seed, FaultRetryAfter: f.FaultRetryAfter,
		SlowBodyTime: f.SlowBodyTime, Script: script, NoOp400: f.NoOp400,
		Strict: f.Strict, Statuses: f.Statuses, PageSize: f.PageSize, KeepRequests: f.KeepRequests,
		Login: login, LoginAddr: f.LoginAddr, ProxyAddr: f.ProxyAddr, ClockOffset: f.ClockOffset,
	})
	err = errors.Join(inFlag("write-limit", writeErr), inFlag("read-limit", readErr),
		inFlag("any-limit", anyErr), inFlag("tenant-limit", tenantErr), inFlag("other-app", otherErr), inFlag("latency", latencyErr), faultErr, scriptErr, loginErr, err)
	if err != nil {
		return nil, usageError{err}
	}
	return sim, nil
}

// parseLatency reads a duration, or the word for what was recorded.
func parseLatency(text string) (latency time.Duration, asRecorded bool, err error) {
	if text == "recorded" {
		return 0, true, nil
	}
	latency, err = time.ParseDuration(text)
	if err != nil {
		return 0, false, fmt.Errorf("%q is no duration such as 20ms, and not recorded", text)
	}
	return latency, false, nil
}

// optionalLimit reads none as the zero limit.
func optionalLimit(text string) (graphsim.Limit, error) {
	if text == "none" {
		return graphsim.Limit{}, nil
	}
	return graphsim.ParseLimit(text)
}

// parseFaults leaves faulty ones out, because they are reported here already.
func parseFaults(texts []string) (faults []graphsim.Fault, err error) {
	for _, text := range texts {
		fault, faulty := graphsim.ParseFault(text)
		if faulty != nil {
			err = errors.Join(err, inFlag("fault", faulty))
			continue
		}
		faults = append(faults, fault)
	}
	return faults, err
}

func readScript(file string) (graphsim.Script, error) {
	if file == "" {
		return graphsim.Script{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return graphsim.Script{}, inFlag("script", err)
	}
	script, err := graphsim.ParseScript(text)
	return script, inFlag("script", err)
}

func inFlag(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", name, err)
}

// environment resolves flags from variables that were passed in, because kong's
// own env tag reads the process's, which a test could not tell apart.
func environment(env []string) kong.Resolver {
	values := map[string]string{}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if value := values[variable(flag.Name)]; value != "" {
			return value, nil
		}
		return nil, nil
	})
}

func variable(flag string) string {
	return "GRAPHSIM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// explain adds the default and the variable to the help.
func explain(value *kong.Value) string {
	if value.Name == "help" {
		return value.Help
	}
	if value.HasDefault {
		return value.Help + " Default " + value.Default + ". ($" + variable(value.Name) + ")"
	}
	return value.Help + " ($" + variable(value.Name) + ")"
}
