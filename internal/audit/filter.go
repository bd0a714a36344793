package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// EventFilter says which events; they satisfy all that is set. The zero EventFilter is all of them.
type EventFilter struct {
	Run      int64     // 0: every run. One that does not exist is ErrNoRun
	Row      *int32    // 0: the run's own events
	Tenant   uuid.UUID // whose run it is; uuid.Nil: every tenant
	Outcomes []string  // any of these
	Final    bool      // only events that settle their row
	Status   StatusRange
	// ErrorCode is what stands before the first colon of an error, in any case: Graph's code. Its first 64 characters count.
	ErrorCode string
	Worker    string // that recorded it

	User          UserPattern
	Configuration string // deviceConfigurationId
	Route         string // its short name
	StatusID      string // userStatusId
	RequestID     string // Graph's request-id or our client-request-id

	Since, Until time.Time // recorded in [Since, Until)

	Limit  int  // 0: no limit
	Bodies bool // read bodies and headers too
}

// StatusRange is a range of HTTP statuses. The zero StatusRange is any status, and none.
type StatusRange struct{ Low, High int }

// ParseStatus reads a status such as 429, or a class such as 4xx.
func ParseStatus(s string) (StatusRange, error) {
	wrong := fmt.Errorf("%q is no HTTP status: write a number such as 429, or a class such as 4xx", s)
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return StatusRange{}, wrong
	}
	if class := int(s[0]-'0') * 100; strings.EqualFold(s[1:], "xx") {
		return StatusRange{class, class + 99}, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return StatusRange{}, wrong
	}
	return StatusRange{int(n), int(n)}, nil
}

// UserPattern is a userPrincipalName, or how one begins. The zero UserPattern is every user, and none.
type UserPattern struct {
	Text   string // compared in any case, as Entra does
	Prefix bool
}

// ParseUser reads a userPrincipalName; with a star at the end, whatever begins like that.
func ParseUser(s string) (UserPattern, error) {
	text, prefix := strings.CutSuffix(s, "*")
	switch {
	case s == "":
		return UserPattern{}, fmt.Errorf("an empty user name matches nothing: write a userPrincipalName, or how it begins and a star")
	case strings.Contains(text, "*"):
		return UserPattern{}, fmt.Errorf("%q: a star is possible at the end only", s)
	}
	return UserPattern{Text: text, Prefix: prefix}, nil
}

// ParseOutcome checks the name of an outcome. The error names the near miss, or all of them.
func ParseOutcome(s string) (string, error) {
	for _, o := range Outcomes() {
		if s == o {
			return o, nil
		}
	}
	if near, ok := userstatus.Suggest(s, Outcomes()); ok {
		return "", fmt.Errorf("%q is no outcome: write %s", s, near)
	}
	return "", fmt.Errorf("%q is no outcome: use some of %s", s, strings.Join(Outcomes(), ", "))
}

// errorCode is the code of an event's error. An index has this very expression.
const errorCode = `lower(left(split_part(e.error, ':', 1), 64))`

// where is the one place in which conditions on events are made. e is audit_event.
func (f *EventFilter) where() conditions {
	var c conditions
	if f.Run != 0 {
		c.and("e.run = @run", "run", f.Run)
	}
	if f.Row != nil {
		c.and("e.row = @row", "row", *f.Row)
	}
	if len(f.Outcomes) > 0 {
		c.and("e.outcome = ANY (@outcomes)", "outcomes", f.Outcomes)
	}
	if f.Final {
		c.all = append(c.all, "e.final")
	}
	if f.Status != (StatusRange{}) {
		c.and("e.status BETWEEN @low AND @high", "low", f.Status.Low)
		c.set("high", f.Status.High)
	}
	if f.RequestID != "" {
		c.and("(lower(e.request_id) = lower(@request) OR e.client_request_id::text = lower(@request))", "request", f.RequestID)
	}
	if f.ErrorCode != "" {
		c.and("e.row > 0 AND e.error IS NOT NULL AND "+errorCode+" = lower(left(@error_code, 64))", "error_code", f.ErrorCode)
	}
	if f.Worker != "" {
		c.and("e.worker = @worker", "worker", f.Worker)
	}
	if f.Tenant != uuid.Nil {
		c.and("e.run IN (SELECT id FROM run WHERE tenant = @tenant)", "tenant", f.Tenant)
	}
	if !f.Since.IsZero() {
		c.and("e.recorded_at >= @since", "since", f.Since)
	}
	if !f.Until.IsZero() {
		c.and("e.recorded_at < @until", "until", f.Until)
	}
	if target := f.whereUpdate(); len(target.all) > 0 {
		c.all = append(c.all, "EXISTS (SELECT FROM status_update u WHERE u.run = e.run AND u.row = e.row AND "+target.sql()+")")
		for name, value := range target.args {
			c.set(name, value)
		}
	}
	return c
}

// whereUpdate are the conditions on the event's row. Ids are compared in any case, because GUIDs are the same in either.
func (f *EventFilter) whereUpdate() conditions {
	var c conditions
	switch {
	case f.User.Prefix:
		c.and("starts_with(lower(u.user_principal_name), lower(@user))", "user", f.User.Text)
	case f.User.Text != "":
		c.and("lower(u.user_principal_name) = lower(@user)", "user", f.User.Text)
	}
	if f.Configuration != "" {
		c.and("lower(u.device_configuration_id) = lower(@configuration)", "configuration", f.Configuration)
	}
	if f.Route != "" {
		c.and("u.route = @route", "route", f.Route)
	}
	if f.StatusID != "" {
		c.and("lower(u.user_status_id) = lower(@status_id)", "status_id", f.StatusID)
	}
	return c
}
