package main

import (
	"errors"
	"fmt"
	"io"
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
	WriteLimit string   `default:"100/20s" placeholder:"N/DURATION" help:"Most POST, PUT, DELETE and PATCH requests of one token in any rolling window."`
	ReadLimit  string   `default:"900/20s" placeholder:"N/DURATION" help:"Most other requests of one token in any rolling window."`

	Latency time.Duration `default:"0s" placeholder:"DURATION" help:"Wait this long before each answer."`
	Jitter  time.Duration `default:"0s" placeholder:"DURATION" help:"Wait up to this much longer, at random."`

	Fault           []string `placeholder:"KIND:RATE" help:"Fail on purpose; repeatable, or several with commas. KIND is 429, 503, 500, 504, reset, 404 or 403; RATE a fraction of the requests (0.02 or 2%), or status=ID for all requests for one status."`
	FaultRetryAfter string   `default:"1" placeholder:"VALUE" help:"Retry-After of 429 and 503 faults, sent as it is; none leaves it out."`
	Seed            uint64   `default:"1" placeholder:"N" help:"Seed of the draws that decide on faults."`

	Strict       bool `help:"Answer 404 to a PATCH of a status that is not there, instead of creating it."`
	Statuses     int  `default:"0" placeholder:"N" help:"Statuses that are there from the start, in configuration ${demo}."`
	PageSize     int  `default:"1000" placeholder:"N" help:"Statuses on one page of a listing."`
	KeepRequests int  `default:"1000000" placeholder:"N" help:"Exchanges to keep in the log; the oldest are dropped."`

	loginFlags `embed:"" group:"login"`
}

const description = `A Microsoft Graph on loopback: the userStatuses of Intune's device configurations, with throttling, errors and failures on purpose.

Look inside at /_sim/requests, /_sim/stats and /_sim/statuses; POST /_sim/reset starts anew.

With --login, tokens come from a login service that stands for Microsoft Entra ID. Look at /_sim/logins, and change it while it runs with POST /_sim/login.`

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

// simulator makes what the flags ask for, and reports all their faults joined.
func (f *flags) simulator() (*graphsim.Server, error) {
	writes, writeErr := graphsim.ParseLimit(f.WriteLimit)
	reads, readErr := graphsim.ParseLimit(f.ReadLimit)
	faults, faultErr := parseFaults(f.Fault)
	login, loginErr := f.loginFlags.config()
	sim, err := graphsim.New(graphsim.Config{
		Addr: f.Addr, Public: f.Public,
		Tokens: f.Token, WriteLimit: writes, ReadLimit: reads,
		Latency: f.Latency, Jitter: f.Jitter,
		Faults: faults, Seed: f.Seed, FaultRetryAfter: f.FaultRetryAfter,
		Strict: f.Strict, Statuses: f.Statuses, PageSize: f.PageSize, KeepRequests: f.KeepRequests,
		Login: login, LoginAddr: f.LoginAddr, ProxyAddr: f.ProxyAddr, ClockOffset: f.ClockOffset,
	})
	err = errors.Join(inFlag("write-limit", writeErr), inFlag("read-limit", readErr), faultErr, loginErr, err)
	if err != nil {
		return nil, usageError{err}
	}
	return sim, nil
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
