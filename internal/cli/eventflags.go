package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/audit"
	"graphpatch/internal/userstatus"
)

// EventFlags are the flags that choose events of the audit. The number of a run is not among them: for some commands it is an
// argument.
type EventFlags struct {
	Tenant     GUID      `placeholder:"GUID" help:"Only events of this tenant's runs."`
	Outcome    []Outcome `placeholder:"OUTCOME" help:"Only these outcomes: applied, rejected, failed, unchanged, superseded, moved, missing; observed, throttled, unauthorized, refused, transient, unknown; enqueued, planned, held, released, cancelled, finished, replayed, reverted, erased. Repeatable, or with commas."`
	Conditions `embed:""`
}

// Conditions are those of the flags that also choose rows, by what happened to them.
type Conditions struct {
	Row           *int32      `placeholder:"N" help:"Only events of this row; 0 for those of the run itself."`
	Final         bool        `help:"Only events that settle their row."`
	Status        StatusRange `placeholder:"CODE" help:"Only answers with this HTTP status: 429, or a class such as 4xx."`
	ErrorCode     string      `placeholder:"CODE" help:"Only errors with this code: what stands before their first colon, in any case."`
	User          UserPattern `placeholder:"NAME" help:"Only rows that ask for this userPrincipalName; with a star at the end, for one that begins so."`
	Configuration string      `placeholder:"ID" help:"Only rows of this deviceConfigurationId."`
	Route         RouteName   `placeholder:"ROUTE" help:"Only rows of this route: plain, root, identity, …, or its navigation as documented."`
	StatusID      string      `name:"status-id" placeholder:"ID" help:"Only rows of this userStatusId."`
	RequestID     string      `name:"request-id" placeholder:"ID" help:"Only the exchange with this request-id or client-request-id."`
	Worker        string      `placeholder:"NAME" help:"Only what this worker recorded."`
	Since         string      `placeholder:"TIME" help:"Only what was recorded since then: 2026-11-23, 2026-11-23T15:04:05Z, today, yesterday, or how long ago: 90m, 2h, 7d."`
	Until         string      `placeholder:"TIME" help:"Only what was recorded before then; a date is that whole day."`
}

// Filter is what the flags ask for at that time, of that run; of every run when it is 0. The error names all flags at fault.
func (f *EventFlags) Filter(run RunNumber, now time.Time) (audit.EventFilter, error) {
	filter, err := f.Conditions.Filter(run, now)
	filter.Tenant = uuid.UUID(f.Tenant)
	for _, o := range f.Outcome {
		filter.Outcomes = append(filter.Outcomes, string(o))
	}
	return filter, err
}

// Filter is what the conditions ask for, likewise.
func (f *Conditions) Filter(run RunNumber, now time.Time) (audit.EventFilter, error) {
	filter := audit.EventFilter{
		Run: int64(run), Row: f.Row, Final: f.Final, Status: audit.StatusRange(f.Status), ErrorCode: f.ErrorCode,
		User: audit.UserPattern(f.User), Configuration: f.Configuration, Route: string(f.Route), StatusID: f.StatusID,
		RequestID: f.RequestID, Worker: f.Worker,
	}
	var faults []error
	if f.Row != nil && *f.Row < 0 {
		faults = append(faults, fmt.Errorf("--row=%d: rows are counted from 1; 0 is the run itself", *f.Row))
	}
	since, sinceErr := timeOf("since", f.Since, now, false)
	until, untilErr := timeOf("until", f.Until, now, true)
	faults = append(faults, sinceErr, untilErr)
	if sinceErr == nil && untilErr == nil && !since.IsZero() && !until.IsZero() && !since.Before(until) {
		faults = append(faults, fmt.Errorf("--since %s is not before --until %s", f.Since, f.Until))
	}
	filter.Since, filter.Until = since, until
	return filter, errors.Join(faults...)
}

func timeOf(flag, s string, now time.Time, end bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := ParseTime(s, now, end)
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s: %w", flag, err)
	}
	return t, nil
}

// GUID is a flag; uuid.Nil: not given. It and those below read themselves, so that a fault is wrong usage and names its flag.
type GUID uuid.UUID

// RunNumber is the number of a run; 0: not given.
type RunNumber int64

// Outcome is one of an event.
type Outcome string

// RouteName is a route's short name; "": not given.
type RouteName string

// StatusRange are HTTP statuses; the zero StatusRange: not given.
type StatusRange audit.StatusRange

// UserPattern is a user, or how users begin; the zero UserPattern: not given.
type UserPattern audit.UserPattern

// UnmarshalText reads a GUID.
func (g *GUID) UnmarshalText(b []byte) error {
	id, err := uuid.ParseBytes(b)
	if err != nil {
		return fmt.Errorf("%q is no GUID", b)
	}
	*g = GUID(id)
	return nil
}

// UnmarshalText reads the number of a run.
func (n *RunNumber) UnmarshalText(b []byte) error {
	run, err := audit.ParseRun(string(b))
	*n = RunNumber(run)
	return err
}

// UnmarshalText reads the name of an outcome.
func (o *Outcome) UnmarshalText(b []byte) error {
	name, err := audit.ParseOutcome(string(b))
	*o = Outcome(name)
	return err
}

// UnmarshalText reads a route's short name or its navigation.
func (r *RouteName) UnmarshalText(b []byte) error {
	route, err := userstatus.ParseRoute(string(b))
	*r = RouteName(route.Name)
	return err
}

// UnmarshalText reads a status such as 429, or a class such as 4xx.
func (r *StatusRange) UnmarshalText(b []byte) error {
	status, err := audit.ParseStatus(string(b))
	*r = StatusRange(status)
	return err
}

// UnmarshalText reads a userPrincipalName; with a star at the end, how one begins.
func (u *UserPattern) UnmarshalText(b []byte) error {
	user, err := audit.ParseUser(string(b))
	*u = UserPattern(user)
	return err
}
