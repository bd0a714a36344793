-- graphpatch_worker sends and records.
GRANT SELECT ON schema_version, run, run_count, status_update, in_flight, audit_event, audit_commit, plan, budget TO graphpatch_worker;
GRANT EXECUTE ON FUNCTION make_months TO graphpatch_worker;

GRANT UPDATE (state, reason, canary, finished_at, planned_at) ON run TO graphpatch_worker;
GRANT INSERT, UPDATE ON plan TO graphpatch_worker;
GRANT UPDATE ON run_count TO graphpatch_worker;
GRANT EXECUTE ON FUNCTION failure_cause, event_id TO graphpatch_worker;
GRANT INSERT, UPDATE, DELETE ON in_flight TO graphpatch_worker;

-- All columns of an event but the time at which it was recorded.
GRANT INSERT (run, row, final, body_cut, status, elapsed_us, sent_at, client_request_id, outcome, method, url, request_body,
    response_headers, response_body, request_id, worker, actor, error, spared) ON audit_event TO graphpatch_worker;

-- A link of the chain for each commit of events, in no other columns because the months inherit whole rights.
GRANT INSERT (run, number, rows, digests, digest) ON audit_commit TO graphpatch_worker;

GRANT INSERT, UPDATE ON budget TO graphpatch_worker;
GRANT EXECUTE ON FUNCTION budget_factor, budget_lower, budget_step, budget_crashed, budget_visited, budget_reserve,
    budget_tell, budget_struck, budget_strike, budget_got_through, budget_ease, budget_eased, budget_open TO graphpatch_worker;

GRANT SELECT ON river_migration TO graphpatch_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON river_job, river_leader, river_queue, river_notification
    TO graphpatch_worker;
GRANT USAGE ON SEQUENCE river_job_id_seq, river_notification_id_seq TO graphpatch_worker;

-- Older servers leave vacuuming to the owner; there in_flight is autovacuum's.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON in_flight TO graphpatch_worker';
    END IF;
END
$$;

-- Schedules. A worker that watches them imports as well: its user needs graphpatch_enqueue too.
GRANT SELECT, INSERT, UPDATE ON schedule, firing TO graphpatch_worker;
