package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// history is a past of two months that was not lived but inserted: runs of so many rows, one after the other, with an event
// or more for each row and many in the same instant. What is asked for in vain among the new ones lies in the oldest run.
type history struct{ runs, rows int }

// oldest is the first run of a history, which alone has what is old.
const oldest = 202610000001

// run is the number of the k-th run, from 1.
func (h history) run(k int) int64 {
	if k <= h.runs/2 {
		return 202610000000 + int64(k)
	}
	return 202611000000 + int64(k)
}

// build inserts the history.
func (h history) build(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `SELECT make_month(202610), make_month(202611)`)
	for k := 1; k <= h.runs; k++ {
		for _, sql := range []string{insertRun, insertCount, insertRows, insertEvents} {
			h.insert(t, pool, k, sql)
		}
	}
	exec(t, pool, `ANALYZE`)
}

// insert executes one of the statements below for the k-th run.
func (h history) insert(t testing.TB, pool *pgxpool.Pool, k int, sql string) {
	t.Helper()
	tenant := contoso
	if k == 1 {
		tenant = fabrikam
	}
	exec(t, pool, strings.NewReplacer("@run", fmt.Sprint(h.run(k)), "@rows", fmt.Sprint(h.rows), "@k", fmt.Sprint(k), "@old", fmt.Sprint(k == 1),
		"@tenant", tenant.String(), "@start", fmt.Sprintf("timestamptz '2026-10-01T00:00:00Z' + %d * interval '1 day'", k)).Replace(sql))
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
}

const (
	insertRun = `
		INSERT INTO run (id, kind, name, actor, tenant, source, options, priority, state, fingerprint, canary, created_at, finished_at)
		VALUES (@run, 'csv', 'run @k.csv', 'anna@desk', '@tenant', '{}', '{}', 2, 'finished', sha256('@run'), 'passed', @start, @start + interval '20 hours')`
	insertCount = `INSERT INTO run_count (run, rows, applied, requests, progress_at) VALUES (@run, @rows, @rows, @rows, @start + interval '20 hours')`
	insertRows  = `
		INSERT INTO status_update (run, row, line, target, route, device_configuration_id, user_status_id, asks, devices_count, user_principal_name)
		SELECT @run, n, n + 1, md5('target ' || n % 100000)::uuid, CASE WHEN @old THEN 'root' ELSE 'plain' END,
		       CASE WHEN @old THEN 'Old' ELSE 'C-' || n % 20 END, CASE WHEN @old THEN 'Old-' ELSE 'S-' END || n % 100000, 18, 1,
		       CASE WHEN @old THEN 'Zoe.' || n || '@fabrikam.com' ELSE 'User.' || n % 50000 || '@contoso.com' END
		FROM generate_series(1, @rows) n`
	insertEvents = `
		INSERT INTO audit_event (run, row, final, status, elapsed_us, sent_at, recorded_at, client_request_id, outcome, method, url,
		       request_body, response_headers, request_id, worker, actor, error)
		SELECT @run, 0, false, NULL, NULL, NULL, @start, NULL, 'enqueued', NULL, NULL, NULL, NULL, NULL, NULL, 'anna@desk', NULL
		UNION ALL
		SELECT @run, n, final, status, 1000 * (n % 700), at, at, md5('ours @run ' || n || outcome)::uuid, outcome, 'PATCH',
		       'https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations/C-' || n % 20 || '/userStatuses/S-' || n % 100000,
		       '{"devicesCount":1}'::bytea, 'Date: Thu, 01 Oct 2026 00:00:00 GMT'::bytea, md5('theirs @run ' || n || outcome)::uuid::text,
		       CASE WHEN @old THEN 'worker-old' ELSE 'worker-' || n % 4 END, NULL, error
		FROM (
			SELECT n, a = 2 AS final, @start + (n / 5 + a) * interval '20 hours' / (@rows / 5 + 2) AS at, o.*
			FROM generate_series(1, @rows) n CROSS JOIN LATERAL generate_series(CASE n % 10 WHEN 0 THEN 1 ELSE 2 END, 2) a
			CROSS JOIN LATERAL (SELECT outcome, status, error FROM (VALUES
				(a = 1, 'throttled', 429, 'TooManyRequests'), (@old AND n % 2 = 0, 'failed', 418, 'Teapot: short and stout'),
				(n % 50 = 0, 'rejected', 403, 'Forbidden: not you'), (n % 100 = 1, 'rejected', 404, 'ResourceNotFound: gone'),
				(true, 'applied', 204, NULL)) v (holds, outcome, status, error) WHERE holds LIMIT 1) o
		) e`
)
