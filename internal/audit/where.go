package audit

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// errorCode is the code of an event's error. An index has this very expression, as others have those below.
const errorCode = `lower(left(split_part(e.error, ':', 1), 64)) COLLATE "C"`

// where is the one place in which conditions on events are made. e is audit_event, u is its row.
func (f *EventFilter) where() conditions {
	c := f.whereEvent()
	if target := f.whereUpdate(); len(target.all) > 0 {
		c.all = append(c.all, "EXISTS (SELECT FROM status_update u WHERE u.run = e.run AND u.row = e.row AND "+target.sql()+")")
		c.take(target)
	}
	return c
}

// whereEvent are the conditions on the event itself.
func (f *EventFilter) whereEvent() conditions {
	var c conditions
	if f.Run != 0 {
		c.and("e.run = @run", "run", f.Run)
	}
	if f.Tenant != uuid.Nil {
		c.and("e.run IN (SELECT id FROM run WHERE tenant = @tenant)", "tenant", f.Tenant)
	}
	if f.Row != nil {
		c.and("e.row = @row", "row", *f.Row)
	}
	if len(f.Outcomes) > 0 {
		c.and(`e.outcome COLLATE "C" = ANY (@outcomes)`, "outcomes", f.Outcomes)
	}
	if f.Final {
		c.all = append(c.all, "e.final")
	}
	if f.Status != (StatusRange{}) {
		c.and("e.status BETWEEN @low AND @high", "low", f.Status.Low)
		c.set("high", f.Status.High)
	}
	if f.ErrorCode != "" {
		c.and("e.row > 0 AND e.error IS NOT NULL AND "+errorCode+" = lower(left(@error_code, 64))", "error_code", f.ErrorCode)
	}
	if f.Worker != "" {
		c.and(`e.worker COLLATE "C" = @worker`, "worker", f.Worker)
	}
	f.whereRequest(&c)
	f.whereTime(&c)
	return c
}

// whereRequest asks for either id, ours only if it is a GUID: ours always are.
func (f *EventFilter) whereRequest(c *conditions) {
	if f.RequestID == "" {
		return
	}
	c.set("request", f.RequestID)
	if id, err := uuid.Parse(f.RequestID); err == nil {
		c.and("(lower(e.request_id) = lower(@request) OR e.client_request_id = @client_request)", "client_request", id)
	} else {
		c.all = append(c.all, "lower(e.request_id) = lower(@request)")
	}
}

func (f *EventFilter) whereTime(c *conditions) {
	if !f.Since.IsZero() {
		c.and("e.recorded_at >= @since", "since", f.Since)
	}
	if !f.Until.IsZero() {
		c.and("e.recorded_at < @until", "until", f.Until)
	}
}

// whereUpdate are the conditions on the event's row. Ids are compared in any case, because GUIDs are the same in either.
func (f *EventFilter) whereUpdate() conditions {
	var c conditions
	const user = `lower(u.user_principal_name) COLLATE "C"`
	switch {
	case f.User.Prefix && f.User.Text == "":
		c.all = append(c.all, "u.user_principal_name IS NOT NULL")
	case f.User.Prefix:
		// A range, because servers before 16 find no prefix in an index by starts_with.
		c.and(user+" >= lower(@user) AND "+user+" < lower(@user) || @last AND u.user_principal_name IS NOT NULL", "user", f.User.Text)
		c.set("last", "\U0010FFFF")
	case f.User.Text != "":
		c.and(user+" = lower(@user) AND u.user_principal_name IS NOT NULL", "user", f.User.Text)
	}
	if f.StatusID != "" {
		c.and("lower(u.user_status_id) = lower(@status_id)", "status_id", f.StatusID)
	}
	if f.Route != "" || f.Configuration != "" {
		// The routes are named in any case: the index of configurations begins with them.
		c.and("u.route = ANY (@routes)", "routes", f.routes())
	}
	if f.Configuration != "" {
		c.and(`lower(u.device_configuration_id) COLLATE "C" = lower(@configuration)`, "configuration", f.Configuration)
	}
	return c
}

func (f *EventFilter) routes() []string {
	if f.Route != "" {
		return []string{f.Route}
	}
	var names []string
	for _, r := range userstatus.Routes() {
		names = append(names, r.Name)
	}
	return names
}

// whereRun are the conditions on the event's run, r.
func (f *EventFilter) whereRun() conditions {
	var c conditions
	if f.Run != 0 {
		c.and("r.id = @run", "run", f.Run)
	}
	if f.Tenant != uuid.Nil {
		c.and("r.tenant = @tenant", "tenant", f.Tenant)
	}
	return c
}

// take adds the arguments of other conditions.
func (c *conditions) take(other conditions) {
	for name, value := range other.args {
		c.set(name, value)
	}
}

// named is never nil, as pgx wants it.
func (c *conditions) named() pgx.NamedArgs {
	if c.args == nil {
		return pgx.NamedArgs{}
	}
	return c.args
}
