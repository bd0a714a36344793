package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/cli"
	"graphpatch/internal/graph"
	"graphpatch/internal/jobs"
	"graphpatch/internal/postgres"
)

// look goes through what must be right before rows can be sent, and notes what it finds.
type look struct {
	command *checkCommand
	found   findings
	pools   *cli.Pools // nil without a database
	log     *slog.Logger
}

// tenantLook is what there is to see for one tenant.
type tenantLook struct {
	*look
	served cli.Served
	tenant uuid.UUID
	client *graph.Client // nil without a complete configuration
	bodies jobs.Bodies
}

// all makes every look that makes sense after the ones before.
func (l *look) all(ctx context.Context, row *place) {
	l.database(ctx)
	served, err := l.command.served()
	if err != nil {
		l.found.fail("configuration", "", "%v", err)
		l.unsent(row)
		return
	}
	if row != nil && len(served) > 1 {
		l.found.fail("configuration", "name one of them with --tenant, by its name in the file", "the row would be sent by each of the tenant's %d apps", len(served))
		l.unsent(row)
		return
	}
	for _, s := range served {
		one := tenantLook{look: l, served: s}
		one.all(ctx, row)
		one.close()
	}
}

func (l *tenantLook) all(ctx context.Context, row *place) {
	if l.configuration(ctx); l.client != nil && l.token(ctx) {
		l.graph(ctx)
	}
	if l.client != nil {
		l.reconciliations(ctx)
	}
	switch {
	case row == nil:
	case l.found.failed():
		l.unsent(row)
	default:
		l.row(ctx, *row)
	}
}

// named is the name of a check, with the tenant's where there may be several.
func (l *tenantLook) named(check string) string {
	if l.served.Name == "" {
		return check
	}
	return l.served.Name + ": " + check
}

func (l *look) unsent(row *place) {
	if row != nil {
		l.found.fail("row", "mend what failed first", "not sent")
	}
}

func (l *tenantLook) close() {
	if l.client != nil {
		l.client.Close()
	}
}

func (l *look) close(ctx context.Context) {
	if l.pools == nil {
		return
	}
	if err := l.pools.Close(ctx); err != nil {
		l.log.Warn("the database was not closed", "error", err)
	}
}

func (l *look) database(ctx context.Context) {
	const check = "database"
	pools, err := l.command.Connect(ctx, "check")
	if err != nil {
		do := "see that the server runs and that DATABASE_URL leads to it"
		if _, ok := errors.AsType[*postgres.SchemaError](err); ok {
			do = ""
		}
		if _, ok := errors.AsType[*postgres.RightsError](err); ok {
			do = ""
		}
		l.found.fail(check, do, "%v", err)
		return
	}
	l.pools = pools
	var version string
	if err := pools.Main.QueryRow(ctx, `SHOW server_version`).Scan(&version); err != nil {
		l.found.fail(check, "", "ask the server's version: %v", err)
		return
	}
	l.found.ok(check, "PostgreSQL %s, reached and migrated; %s", version, l.rights(ctx))
}

// rights says what the database's user may do beyond what the work takes.
func (l *look) rights(ctx context.Context) string {
	switch owns, err := postgres.OwnsTables(ctx, l.pools.Main); {
	case err != nil:
		return err.Error()
	case owns:
		return "its user owns the tables"
	}
	return "its user has the rights of " + string(postgres.WorkerRole)
}

func (l *tenantLook) configuration(ctx context.Context) {
	check := l.named("configuration")
	t, err := l.served.Connect(ctx, sendingOne)
	if err != nil {
		l.found.fail(check, "", "%v", err)
		return
	}
	l.client, l.tenant, l.bodies = t.Client, t.ID, t.Bodies
	l.found.ok(check, "%s, tenant %s, by %s, at most %s writes and %s reads",
		t.Client.Base(), t.ID, t.Client.Token().Kind, l.served.WriteLimit, l.served.ReadLimit)
}

// reconciliations reads the sources, because the night is a bad time to find out that one is not there.
func (l *tenantLook) reconciliations(ctx context.Context) {
	for _, r := range l.served.Reconciliations {
		check := l.named("reconciliation " + r.Name)
		r.Tenant = l.tenant
		rows, err := r.Look(ctx)
		if err != nil {
			l.found.fail(check, "", "%v", err)
			continue
		}
		l.found.ok(check, "%d rows; the next firing is at %s", rows, r.Times.Next(time.Now()).Format("2006-01-02 15:04 MST"))
	}
}

// sendingOne is how many connections a check needs.
const sendingOne = 2

// permission is what the app must have been granted; see Microsoft's documentation of the request.
const permission = "DeviceManagementConfiguration.ReadWrite.All"

// expiresSoon is when a token that nothing renews is worth a warning.
const expiresSoon = 30 * time.Minute

func (l *tenantLook) token(ctx context.Context) bool {
	check := l.named("token")
	if err := l.client.Ready(ctx); err != nil {
		l.found.fail(check, "", "%v", err)
		return false
	}
	t := l.client.Token()
	about := []string{string(t.Kind)}
	if t.App != "" {
		about = append(about, "app "+t.App)
	}
	if t.User != "" {
		about = append(about, "user "+t.User)
	}
	if t.Tenant != uuid.Nil {
		about = append(about, "tenant "+t.Tenant.String())
	}
	left := time.Until(t.Expires)
	if !t.Expires.IsZero() {
		about = append(about, fmt.Sprintf("good until %s (%s)", t.Expires.UTC().Format(time.DateTime+" UTC"), left.Round(time.Second)))
	}
	text := strings.Join(about, ", ")
	if t.Kind == graph.BroughtToken && !t.Expires.IsZero() && left < expiresSoon {
		l.found.warn(check, "bring another one in time, or set credentials that renew themselves", "%s; nothing renews it", text)
	} else {
		l.found.ok(check, "%s", text)
	}
	l.permission(&t)
	return true
}

func (l *tenantLook) permission(t *graph.TokenInfo) {
	check := l.named("permission")
	granted := slices.Concat(t.Roles, t.Scopes)
	switch {
	case slices.Contains(granted, permission):
		l.found.ok(check, "%s", strings.Join(granted, ", "))
	case len(granted) > 0:
		l.found.fail(check, "grant the app "+permission+" and give it admin consent", "%s is not among what the token has: %s", permission, strings.Join(granted, ", "))
	case t.Expires.IsZero():
		l.found.warn(check, "", "the token does not show what it may do")
	default:
		l.found.fail(check, "grant the app "+permission+" and give it admin consent", "the token has no permission at all")
	}
}

// graph asks the one question that changes nothing: which configurations are there?
func (l *tenantLook) graph(ctx context.Context) {
	check := l.named("graph")
	x, seen, err := l.client.Configurations(ctx, uuid.New())
	if x.Status != 0 {
		l.clock(&x)
	}
	if err == nil && x.Status == http.StatusOK {
		l.found.ok(check, "answered in %s, and shows %s", x.Elapsed.Round(time.Millisecond), someConfigurations(seen))
		return
	}
	if reason, stops := x.StopsRun(); stops {
		l.found.fail(check, "", "%s", reason)
		return
	}
	problem := x.Problem()
	if err != nil && problem == "" {
		problem = err.Error()
	}
	switch outcome := x.Outcome(); {
	case x.Status == 0:
		l.found.fail(check, "see that the network leads there: GRAPH_CLOUD, GRAPH_BASE_URL, HTTPS_PROXY, firewalls", "%s: %s", l.client.Base(), problem)
	case outcome == graph.Throttled, outcome == graph.Transient:
		l.found.warn(check, "it passes by itself; try again", "answered %d: %s", x.Status, problem)
	case outcome == graph.Unauthorized:
		l.found.fail(check, "see that the token is for this root of Graph and that the clocks agree", "answered %d: %s", x.Status, problem)
	default:
		l.found.fail(check, fmt.Sprintf("give Microsoft's support the request-id %s", x.RequestID()), "answered %d: %s", x.Status, problem)
	}
}

func someConfigurations(n int) string {
	switch n {
	case 0:
		return "no device configurations"
	case 1:
		return "1 device configuration"
	}
	return fmt.Sprintf("%d device configurations on its first page", n)
}

// clockOff is by how much this machine's clock may differ from Graph's: assertions are good for minutes.
const clockOff = 2 * time.Minute

// clock holds this machine's clock against the answer's Date, which has no fractions of a second.
func (l *tenantLook) clock(x *graph.Exchange) {
	date, err := http.ParseTime(x.Header.Get("Date"))
	if err != nil {
		return
	}
	off := x.SentAt.Add(x.Elapsed).Sub(date)
	if math.Abs(off.Seconds()) < clockOff.Seconds() {
		l.found.ok(l.named("clock"), "agrees with Graph's")
		return
	}
	l.found.warn(l.named("clock"), "set it right: logins with a certificate fail otherwise", "this machine's clock is off by %s", off.Round(time.Second))
}
