package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// replayed is what a replay would send and leave out, a word for each row: 2 rejected, or 7 rejected - devicesCount (run.row).
func (w *world) replayed(f ReplayFilter) string {
	w.t.Helper()
	r, err := w.audit.OpenReplay(w.t.Context(), f)
	w.must(err)
	defer r.Close(w.t.Context())
	once, twice := w.read(r), w.read(r)
	if diff := cmp.Diff(once, twice); diff != "" {
		w.t.Errorf("read again it is another one: -once +twice\n%s", diff)
	}
	return once
}

func (w *world) read(r *Replay) string {
	w.t.Helper()
	var all []string
	var sent int32
	w.must(r.Each(w.t.Context(), func(row *Replayed) error {
		text := fmt.Sprintf("%d %s", row.Origin, row.Last)
		if row.Dropped != 0 {
			text += fmt.Sprintf(" without %s (%d.%d)", row.Dropped, row.LaterRun%1000, row.LaterRow)
		}
		if row.Erased {
			text += " erased"
		}
		if row.LeftOut() {
			text += " left out"
		} else if sent++; row.Number != sent || row.Line != int64(row.Origin+1) {
			w.t.Errorf("row %d is number %d of line %d, want %d", row.Origin, row.Number, row.Line, sent)
		}
		all = append(all, text)
		return nil
	}))
	return strings.Join(all, ", ")
}

func replayOf(run int64, outcomes ...string) ReplayFilter {
	return ReplayFilter{Events: EventFilter{Run: run, Outcomes: outcomes}}
}

// Each outcome a row can end with, and what else can be asked of its last event.
func TestReplayChoosesByTheLastOutcome(t *testing.T) {
	w := newWorld(t)
	var updates []update
	for i := range 9 {
		updates = append(updates, update{configuration, fmt.Sprintf("s%d", i+1), fmt.Sprintf("user%d@contoso.com", i+1)})
	}
	run := w.enqueue(contoso, "users.csv", updates...)
	w.send(run, 1, "applied", "applied", 204, "")
	w.send(run, 2, "transient", "", 500, "")
	w.send(run, 2, "rejected", "rejected", 403, "Forbidden: no")
	w.send(run, 3, "transient", "failed", 504, "GatewayTimeout: late")
	w.send(run, 4, "applied", "unchanged", 200, "")
	w.send(run, 5, "superseded", "superseded", 0, "")
	w.send(run, 6, "transient", "", 500, "")
	w.send(run, 6, "throttled", "", 429, "")
	w.send(run, 7, "rejected", "rejected", 404, "ResourceNotFound: x")
	w.send(run, 8, "transient", "", 500, "")
	// Row 9 was never touched.

	if _, err := w.audit.OpenReplay(t.Context(), replayOf(run, "open")); !errors.As(err, new(*StillOpenError)) {
		t.Errorf("open rows of a running run: got error %v", err)
	}
	if got, want := w.replayed(replayOf(run)), "2 rejected, 3 failed, 7 rejected"; got != want {
		t.Errorf("of a running run: got %s, want %s", got, want)
	}
	w.must(w.ledger.Hold(t.Context(), run, "bob", ""))
	filter := func(f EventFilter) ReplayFilter { f.Run = run; return ReplayFilter{Events: f} }
	row := int32(7)
	everything := "1 applied, 2 rejected, 3 failed, 4 unchanged, 5 superseded, 6 throttled, 7 rejected, 8 transient, 9 open"
	for _, c := range []struct {
		name   string
		filter ReplayFilter
		want   string
	}{
		{"default", replayOf(run), "2 rejected, 3 failed, 7 rejected"},
		{"all", replayOf(run, "all"), everything},
		{"applied", replayOf(run, "applied"), "1 applied"},
		{"two", replayOf(run, "failed", "unchanged"), "3 failed, 4 unchanged"},
		{"superseded", replayOf(run, "superseded"), "5 superseded"},
		{"open", replayOf(run, "open"), "6 throttled, 8 transient, 9 open"},
		{"open and rejected", replayOf(run, "open", "rejected"), "2 rejected, 6 throttled, 7 rejected, 8 transient, 9 open"},
		{"throttled", replayOf(run, "throttled"), "6 throttled"},
		{"transient is not the last one of row 2", replayOf(run, "transient", "failed"), "3 failed, 8 transient"},
		{"cancelled, which it is not", replayOf(run, "cancelled"), ""},
		{"final", filter(EventFilter{Outcomes: []string{"all"}, Final: true}), "1 applied, 2 rejected, 3 failed, 4 unchanged, 5 superseded, 7 rejected"},
		{"status", filter(EventFilter{Status: StatusRange{404, 404}}), "7 rejected"},
		{"status of the last event only", filter(EventFilter{Outcomes: []string{"all"}, Status: StatusRange{500, 599}}), "3 failed, 8 transient"},
		{"code", filter(EventFilter{ErrorCode: "forbidden"}), "2 rejected"},
		{"row", filter(EventFilter{Row: &row}), "7 rejected"},
		{"user", filter(EventFilter{User: UserPattern{Text: "USER3@contoso.com"}}), "3 failed"},
		{"user of an untouched row", filter(EventFilter{Outcomes: []string{"all"}, User: UserPattern{Text: "user9", Prefix: true}}), "9 open"},
		{"configuration", filter(EventFilter{Configuration: strings.ToLower(configuration)}), "2 rejected, 3 failed, 7 rejected"},
		{"another configuration", filter(EventFilter{Configuration: otherConfig}), ""},
		{"route", filter(EventFilter{Route: "root"}), ""},
		{"status id", filter(EventFilter{StatusID: "S7"}), "7 rejected"},
		{"request id", filter(EventFilter{RequestID: "Request-3"}), "2 rejected"},
		{"worker", filter(EventFilter{Worker: "worker-2"}), ""},
		{"since", filter(EventFilter{Since: time.Now().Add(time.Hour)}), ""},
		{"until", filter(EventFilter{Until: time.Now().Add(time.Hour)}), "2 rejected, 3 failed, 7 rejected"},
	} {
		if got := w.replayed(c.filter); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	w.must(w.ledger.Cancel(t.Context(), run, "bob", ""))
	if got, want := w.replayed(replayOf(run, "cancelled")), "6 throttled, 8 transient, 9 cancelled"; got != want {
		t.Errorf("of a cancelled run: got %s, want %s", got, want)
	}
	if _, err := w.audit.OpenReplay(t.Context(), replayOf(run+1)); !errors.Is(err, ErrNoRun) {
		t.Errorf("of a run that does not exist: got error %v", err)
	}
}

// An old value comes back neither over a newer one that has reached Graph, or may have, nor over one that is still to be sent.
func TestReplayLeavesOutWhatLaterUpdatesReached(t *testing.T) {
	w := newWorld(t)
	all := func(upn string, rows ...int) (updates []update) {
		for _, i := range rows {
			updates = append(updates, update{configuration, fmt.Sprintf("s%d", i), upn})
		}
		return updates
	}
	run := w.enqueue(contoso, "first", all("", 1, 2, 3, 4, 5, 6, 7, 8, 9)...)
	wide := w.enqueue(contoso, "wide", all("ada@contoso.com", 10, 11)...)
	for row := range int32(9) {
		w.send(run, row+1, "rejected", "rejected", 404, "")
	}
	w.send(wide, 1, "rejected", "rejected", 404, "")
	w.send(wide, 2, "rejected", "rejected", 404, "")

	settled := w.enqueue(contoso, "settled", all("", 1, 2, 3, 4, 5, 10)...)
	w.send(settled, 1, "applied", "applied", 204, "")
	w.send(settled, 2, "applied", "unchanged", 200, "")
	w.send(settled, 3, "rejected", "rejected", 404, "")
	w.send(settled, 4, "transient", "", 500, "") // Graph may have done it before it was rejected
	w.send(settled, 4, "rejected", "rejected", 404, "")
	w.send(settled, 5, "transient", "failed", 504, "")
	w.send(settled, 6, "applied", "applied", 204, "")
	held := w.enqueue(contoso, "held", all("", 6)...)
	w.must(w.ledger.Hold(t.Context(), held, "bob", ""))
	cancelled := w.enqueue(contoso, "cancelled", all("", 7, 8)...)
	w.claim(cancelled, 2) // and it may reach Graph
	w.must(w.ledger.Cancel(t.Context(), cancelled, "bob", ""))

	s, h, c := settled%1000, held%1000, cancelled%1000
	want := fmt.Sprintf("1 rejected without devicesCount (%d.1) left out, 2 rejected without devicesCount (%d.2) left out, 3 rejected, "+
		"4 rejected without devicesCount (%d.4) left out, 5 rejected without devicesCount (%d.5) left out, 6 rejected without devicesCount (%d.1) left out, "+
		"7 rejected, 8 rejected without devicesCount (%d.2) left out, 9 rejected", s, s, s, s, h, c)
	if diff := cmp.Diff(want, w.replayed(replayOf(run))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	forced := replayOf(run)
	forced.Force = true
	var everything []string
	for row := range 9 {
		everything = append(everything, fmt.Sprintf("%d rejected", row+1))
	}
	if diff := cmp.Diff(strings.Join(everything, ", "), w.replayed(forced)); diff != "" {
		t.Errorf("with force: -want +got\n%s", diff)
	}
	// By property: what nothing later asks for is sent.
	if got, want := w.replayed(replayOf(wide)), fmt.Sprintf("1 rejected without devicesCount (%d.6), 2 rejected", s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// What is earlier, or in another tenant, keeps nothing back.
	if got, want := w.replayed(replayOf(settled, "applied")), "1 applied, 6 applied"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Of two rows of one run for one status only the later one counts, as when they were sent.
func TestReplayOfDuplicates(t *testing.T) {
	w := newWorld(t)
	twice := w.enqueue(contoso, "twice.csv", update{configuration, "s9", ""}, update{configuration, "s9", ""})
	w.claim(twice, 1)
	w.send(twice, 2, "applied", "applied", 204, "")
	if got, want := w.replayed(replayOf(twice, "all")), fmt.Sprintf("1 superseded without devicesCount (%d.2) left out, 2 applied", twice%1000); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The record as it stood asks for everything; a row that is sent with less of it is given back without.
func TestReplayDropsTheRecordOfWhatItDoesNotSend(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", "ada@contoso.com"})
	w.exec(`UPDATE run SET source = '{"otherColumns": [3]}' WHERE id = $1`, run)
	w.rewrite(`UPDATE status_update SET other = '{"ticket", "the record as it stood"}' WHERE run = $1`, run)
	w.send(run, 1, "rejected", "rejected", 404, "")
	others := func() (others []string, asks userstatus.Properties) {
		r, err := w.audit.OpenReplay(t.Context(), replayOf(run))
		w.must(err)
		defer r.Close(t.Context())
		w.must(r.Each(t.Context(), func(row *Replayed) error {
			others, asks = row.Other, row.Update.Wanted.Asks()
			return nil
		}))
		return others, asks
	}
	if got, asks := others(); len(got) != 2 || asks != userstatus.DevicesCount|userstatus.UserPrincipalName {
		t.Errorf("got %q and %s", got, asks)
	}
	later := w.enqueue(contoso, "later.csv", update{configuration, "s1", ""})
	w.send(later, 1, "applied", "applied", 204, "")
	if got, asks := others(); !cmp.Equal(got, []string{"ticket"}) || asks != userstatus.UserPrincipalName {
		t.Errorf("got %q and %s", got, asks)
	}
}

// A reading that is left before its end, and an error of whoever takes the rows.
func TestReplayIsLeftEarly(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""}, update{configuration, "s2", ""})
	w.send(run, 1, "rejected", "rejected", 404, "")
	w.send(run, 2, "rejected", "rejected", 404, "")
	r, err := w.audit.OpenReplay(t.Context(), replayOf(run))
	w.must(err)
	defer r.Close(t.Context())
	full := errors.New("full")
	taken := 0
	err = r.Each(t.Context(), func(*Replayed) error { taken++; return full })
	if !errors.Is(err, full) || taken != 1 {
		t.Errorf("got error %v after %d rows", err, taken)
	}
}

// Both sides say it: the new run in its row, the old one in its history.
func TestTheOriginIsTold(t *testing.T) {
	w := newWorld(t)
	origin := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	id, err := w.ledger.NextRunID(t.Context())
	w.must(err)
	n := ledger.NewRun{ID: id, Kind: "replay", Name: "replay of users.csv", Actor: "eve@desk", Tenant: contoso, Priority: 2, Fingerprint: [32]byte{9}, Origin: origin}
	w.importRun(n, update{configuration, "s1", ""})
	d, err := w.audit.Show(t.Context(), id)
	w.must(err)
	if d.Origin == nil || *d.Origin != origin {
		t.Errorf("the new run has the origin %v", d.Origin)
	}
	if d, err = w.audit.Show(t.Context(), origin); err != nil || d.Origin != nil {
		t.Errorf("the old run has the origin %v, error %v", d.Origin, err)
	}
	last := d.History[len(d.History)-1]
	if got, want := last.Outcome+" by "+*last.Actor+": "+*last.Reason, fmt.Sprintf("replayed by eve@desk: run %d sends 1 row again", id); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A row without its values asks for nothing, and not for null.
func TestReplayOfErasedRows(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", "ada@contoso.com"}, update{configuration, "s2", "eve@contoso.com"})
	w.send(run, 1, "rejected", "rejected", 404, "")
	w.send(run, 2, "applied", "applied", 204, "")
	if _, err := w.ledger.Erase(t.Context(), "ada@contoso.com", "bob", ""); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		f := replayOf(run, "all")
		f.Force = force
		if got, want := w.replayed(f), "1 rejected erased left out, 2 applied"; got != want {
			t.Errorf("force %t: got %s, want %s", force, got, want)
		}
	}
}

// Of a run whose month was purged there is nothing left to send, and that is said.
func TestReplayOfAPurgedRun(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	w.send(run, 1, "rejected", "rejected", 404, "")
	w.exec(`INSERT INTO audit_purge VALUES ($1, now(), 'bob', 0, sha256(''))`, run/1_000_000)
	if _, err := w.audit.OpenReplay(t.Context(), replayOf(run)); !errors.As(err, new(*PurgedError)) {
		t.Errorf("got error %v", err)
	}
}
