package audit

import (
	"slices"

	"github.com/jackc/pgx/v5"
)

// later are the properties that newer updates of a row's target ask for, of those that may have reached Graph, that Graph
// was seen to have, or that are still to be sent. One that Graph rejected counts for nothing, and neither does one that was
// superseded: what superseded it counts by itself.
const later = `
	SELECT coalesce(bit_or(n.asks), 0) AS asks, coalesce((max(ARRAY[n.run, n.row]))[1], 0) AS run, coalesce((max(ARRAY[n.run, n.row]))[2], 0) AS row
	FROM status_update n
	JOIN run r ON r.id = n.run
	LEFT JOIN LATERAL (
		SELECT bool_or(p.final) AS settled,
		       bool_or(p.method IS DISTINCT FROM 'GET' AND p.outcome IN ('applied', 'failed', 'transient', 'unknown')
		               OR p.final AND p.outcome = 'unchanged') AS reached
		FROM audit_event p
		WHERE p.run = n.run AND p.row = n.row
	) past ON true
	WHERE NOT @force AND n.target = u.target AND n.run >= @run AND (n.run, n.row) > (u.run, u.row) AND n.asks & u.asks <> 0
	  AND (past.reached OR past.settled IS NOT TRUE AND r.state <> 'cancelled'
	       OR EXISTS (SELECT FROM in_flight f WHERE f.target = n.target AND f.run = n.run AND f.row = n.row))`

// query walks along the rows, or along the final events when only settled ones are wanted, so that a few rejected among
// millions are found at once; as for results nothing is sorted or gathered.
// Columns, tables and a condition of a caller's own come last.
func (r *Replay) query(columns, from, condition string) (sql string, args pgx.NamedArgs) {
	f := &r.filter
	where := f.Events.whereUpdate()
	where.and("u.run = @run", "run", r.origin.ID)
	where.set("force", f.Force)
	if f.Events.Row != nil {
		where.and("u.row = @row", "row", *f.Events.Row)
	}
	last := f.Events // what is left of it is said of the event alone
	last.Run, last.Row, last.Outcomes, last.User, last.Configuration, last.Route, last.StatusID = 0, nil, nil, UserPattern{}, "", "", ""
	ofEvent := last.where()
	where.all = append(where.all, ofEvent.all...)
	for name, value := range ofEvent.args {
		where.set(name, value)
	}
	unsettled := unsettled(&r.origin)
	outcome := `coalesce(e.outcome, '` + unsettled + `')`
	event := ` LEFT JOIN LATERAL (
		SELECT * FROM audit_event e WHERE e.run = @run AND e.row = u.row ORDER BY e.final DESC, e.recorded_at DESC LIMIT 1) e ON true`
	switch {
	case slices.Contains(f.Events.Outcomes, EveryOutcome):
	case f.settled():
		event = ` JOIN audit_event e ON e.run = @run AND e.row = u.row AND e.final`
		where.and(`e.outcome = ANY (@outcomes)`, "outcomes", f.Events.Outcomes)
	case slices.Contains(f.Events.Outcomes, unsettled):
		where.and(`(e.final IS NOT TRUE OR e.outcome = ANY (@outcomes))`, "outcomes", f.Events.Outcomes)
	default:
		where.and(`e.outcome = ANY (@outcomes)`, "outcomes", f.Events.Outcomes)
	}
	if condition != "" {
		where.all = append(where.all, condition)
	}
	return `
		SELECT u.row, u.line, u.route, u.device_configuration_id, coalesce(u.certificate_id, ''), u.user_status_id, u.asks,
		       u.user_display_name, u.devices_count, u.status, u.last_reported_date_time, u.user_principal_name, u.other,
		       coalesce(u.expects, ''), ` + outcome + `, later.asks, later.run, later.row, u.erased IS NOT NULL` + columns + `
		FROM status_update u` + event + `
		CROSS JOIN LATERAL (` + later + `) later` + from + `
		WHERE ` + where.sql() + `
		ORDER BY u.row`, where.args
}
