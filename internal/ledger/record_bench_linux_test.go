package ledger

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

// BenchmarkRecord is the group commit of 50 answers, about as many as there are when workers are at their fastest. CPU time is what a
// machine that has other things to do still tells: of this process, and of the one of the server that records.
func BenchmarkRecord(b *testing.B) {
	const batch = 50
	db, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.New(b).URL})
	if err != nil {
		b.Fatal(err)
	}
	pool, err := db.Pool(b.Context(), postgres.LedgerConfig(1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	l := New(pool, "worker-1")
	id, err := l.NextRunID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	n := NewRun{ID: id, Kind: "csv", Name: "bench", Actor: "bench", Tenant: tenant, Priority: 2, Source: struct{}{}}
	var updates []userstatus.Update
	for i := range 60_000 {
		updates = append(updates, want(i, userstatus.Compliant))
	}
	if err := pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
		_, err := Import(b.Context(), tx, n, rowsOf(updates))
		return err
	}); err != nil {
		b.Fatal(err)
	}
	run, err := l.Run(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	var server int
	if err := pool.QueryRow(b.Context(), `SELECT pg_backend_pid()`).Scan(&server); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	row := int32(1)
	body := []byte(`{"userDisplayName":"Anna Ärmel","devicesCount":3,"status":"compliant","lastReportedDateTime":"2026-11-23T08:15:00Z","userPrincipalName":"anna@contoso.com"}`)
	for b.Loop() {
		b.StopTimer()
		open, err := l.Open(b.Context(), run, row, row+batch-1)
		if err != nil || len(open) != batch {
			b.Fatal(len(open), err)
		}
		row += batch
		wishes := make([]Wish, batch)
		for i := range open {
			wishes[i] = Wish{Row: &open[i], ID: uuid.New()}
		}
		claims, _, err := l.Claim(b.Context(), run, wishes)
		if err != nil {
			b.Fatal(err)
		}
		events := make([]Event, batch)
		for i, c := range claims {
			events[i] = answer(run, c, "applied", "applied")
			events[i].RequestBody, events[i].ResponseBody = body, body
			events[i].SentAt, events[i].Elapsed = time.Now(), 50*time.Millisecond
		}
		ours, theirs = ours-cpuOfThis(b), theirs-cpuOf(b, server)
		b.StartTimer()
		if _, _, err := l.Record(b.Context(), events); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		ours, theirs = ours+cpuOfThis(b), theirs+cpuOf(b, server)
		b.StartTimer()
	}
	for name, spent := range map[string]time.Duration{"µs/event": b.Elapsed(), "client-µs/event": ours, "server-µs/event": theirs} {
		b.ReportMetric(float64(spent.Microseconds())/float64(b.N)/batch, name)
	}
}

func cpuOfThis(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		b.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns)
}
