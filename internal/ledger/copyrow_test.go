package ledger

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// asStored is a row of status_update as pgx reads it.
type asStored struct {
	Run                  int64
	Row                  int32
	Line                 int64
	Target               uuid.UUID
	Route                string
	ConfigurationID      string
	CertificateID        *string
	StatusID             string
	Asks                 int16
	UserDisplayName      *string
	DevicesCount         *int32
	Status               *string
	LastReportedDateTime *string
	UserPrincipalName    *string
	Other                []string
	Expects              *string
	Erased               []byte
}

func (k *kit) readBack(run int64) []asStored {
	k.t.Helper()
	rows, err := k.pool.Query(k.t.Context(), `SELECT * FROM status_update WHERE run = $1 ORDER BY row`, run)
	if err != nil {
		k.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[asStored])
	if err != nil {
		k.t.Fatal(err)
	}
	return all
}

func TestEveryKindOfValueIsStoredAsItIs(t *testing.T) {
	k := newKit(t)
	at, err := userstatus.ParseDateTime("2026-02-28T23:59:59.1234567+05:30")
	if err != nil {
		t.Fatal(err)
	}
	target := userstatus.Target{Tenant: tenant, Route: userstatus.Plain, ConfigurationID: "c", StatusID: "s"}
	root := userstatus.Target{Tenant: tenant, Route: "windows-eap-roots", ConfigurationID: "ünï cödé", CertificateID: "C'\"\\", StatusID: "{NULL}"}
	count := func(n int32) userstatus.Wanted { return userstatus.Wanted{DevicesCount: userstatus.Of(n)} }
	long := strings.Repeat("0123456789abcdef", 1<<16)
	cases := []struct {
		row  userstatus.Row
		want asStored
	}{
		{ // everything
			userstatus.Row{Number: 1, Line: 2, Update: userstatus.Update{Target: root, Wanted: userstatus.Wanted{
				UserDisplayName: userstatus.Of("Zoë, \"Å\"\t\r\n\\N\\."), DevicesCount: userstatus.Of[int32](7), Status: userstatus.Of(userstatus.NonCompliant),
				LastReportedDateTime: userstatus.Of(at), UserPrincipalName: userstatus.Of("z@x"),
			}}, Other: []string{"a,b", `"`, `\`, "{}", "", "NULL", "ü\n"}},
			asStored{
				Row: 1, Line: 2, Asks: 31, CertificateID: new("C'\"\\"), UserDisplayName: new("Zoë, \"Å\"\t\r\n\\N\\."), DevicesCount: new(int32(7)),
				Status: new("nonCompliant"), LastReportedDateTime: new("2026-02-28T23:59:59.1234567+05:30"), UserPrincipalName: new("z@x"),
				Other: []string{"a,b", `"`, `\`, "{}", "", "NULL", "ü\n"},
			},
		},
		{ // empty is not null
			userstatus.Row{Number: 2, Line: 3, Update: userstatus.Update{Target: target, Wanted: userstatus.Wanted{
				UserDisplayName: userstatus.Of(""), UserPrincipalName: userstatus.Of(""),
			}}, Other: []string{}},
			asStored{Row: 2, Line: 3, Asks: 17, UserDisplayName: new(""), UserPrincipalName: new(""), Other: []string{}},
		},
		{ // nor is null absent
			userstatus.Row{Number: 3, Line: 4, Update: userstatus.Update{Target: target, Wanted: userstatus.Wanted{
				UserDisplayName: userstatus.Null[string](),
			}}, Other: []string{""}},
			asStored{Row: 3, Line: 4, Asks: 1, Other: []string{""}},
		},
		{userstatus.Row{Number: 4, Line: 5, Update: userstatus.Update{Target: target, Wanted: count(0)}}, asStored{Row: 4, Line: 5, Asks: 2, DevicesCount: new(int32(0))}},
		{
			userstatus.Row{Number: math.MaxInt32 - 1, Line: math.MaxInt32 + 1, Update: userstatus.Update{Target: target, Wanted: count(math.MinInt32)}},
			asStored{Row: math.MaxInt32 - 1, Line: math.MaxInt32 + 1, Asks: 2, DevicesCount: new(int32(math.MinInt32))},
		},
		{ // longer than any message
			userstatus.Row{Number: math.MaxInt32, Line: math.MaxInt64, Update: userstatus.Update{Target: target, Wanted: count(math.MaxInt32)}, Other: []string{long, "", long}, Expects: long},
			asStored{Row: math.MaxInt32, Line: math.MaxInt64, Asks: 2, DevicesCount: new(int32(math.MaxInt32)), Other: []string{long, "", long}, Expects: &long},
		},
	}
	n := k.newRun(nil)
	var rows []userstatus.Row
	var want []asStored
	for _, c := range cases {
		t := c.row.Update.Target
		c.want.Run, c.want.Target, c.want.Route = n.ID, t.Key(), t.Route
		c.want.ConfigurationID, c.want.StatusID = t.ConfigurationID, t.StatusID
		rows, want = append(rows, c.row), append(want, c.want)
	}
	var copied int32
	err = pgx.BeginFunc(t.Context(), k.pool, func(tx pgx.Tx) (err error) {
		copied, err = Import(t.Context(), tx, n, given(rows...))
		return err
	})
	if err != nil || copied != int32(len(rows)) {
		t.Fatalf("got %d rows, %v", copied, err)
	}
	if diff := cmp.Diff(k.readBack(n.ID), want); diff != "" {
		t.Error(diff)
	}
}

// What a row needs beyond the bytes it becomes is nothing: a million of them are no work for the collector.
func TestEncodingARowAllocatesNothing(t *testing.T) {
	r := runRow{run: 1, Row: userstatus.Row{Number: 1, Line: 2, Update: want(1, userstatus.Compliant), Other: []string{"a", "b"}}}
	r.Update.Wanted.DevicesCount = userstatus.Of[int32](3)
	r.Update.Wanted.UserDisplayName = userstatus.Of("Ada")
	var b []byte
	if got := testing.AllocsPerRun(100, func() { b, _ = r.append(b[:0]) }); got != 0 {
		t.Errorf("got %v allocations", got)
	}
}
