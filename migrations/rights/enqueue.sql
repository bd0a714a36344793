-- graphpatch_enqueue puts runs in, holds, releases and cancels them.
GRANT SELECT ON schema_version, run, run_count, run_counter, status_update, in_flight, audit_event, audit_commit, audit_purge, plan, budget TO graphpatch_enqueue;
GRANT SELECT ON river_migration, river_job, river_queue TO graphpatch_enqueue;

GRANT EXECUTE ON FUNCTION make_months, event_id TO graphpatch_enqueue;
GRANT INSERT, UPDATE ON run_counter TO graphpatch_enqueue;
GRANT INSERT ON run, run_count TO graphpatch_enqueue;
-- Of a run nothing that says where it came from.
GRANT UPDATE (state, reason, canary, finished_at, blind, plan_hold, planned_at) ON run TO graphpatch_enqueue;
-- A release has a plan made anew that is too old.
GRANT DELETE ON plan TO graphpatch_enqueue;
-- A release waives failures and a canary.
GRANT UPDATE (waived_settled, waived_failures, canary_rows, canary_settled, commits, digest) ON run_count TO graphpatch_enqueue;

-- The rows go straight into the month.
GRANT INSERT ON status_update TO graphpatch_enqueue;
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'status_update'::regclass LOOP
        EXECUTE format('GRANT INSERT ON %s TO graphpatch_enqueue', part);
    END LOOP;
END
$$;

-- The columns of a run's own events: none that settles a row or tells of a request, and not the time.
GRANT INSERT (run, row, outcome, actor, error) ON audit_event TO graphpatch_enqueue;

-- A link of the chain for each commit of events, in no other columns because the months inherit whole rights.
GRANT INSERT (run, number, rows, digests, digest) ON audit_commit TO graphpatch_enqueue;

-- A job that is there already is left as it is, which River asks for as an update of its kind.
GRANT INSERT ON river_job TO graphpatch_enqueue;
GRANT UPDATE (kind) ON river_job TO graphpatch_enqueue;
GRANT USAGE ON SEQUENCE river_job_id_seq TO graphpatch_enqueue;

-- Whoever fires a reconciliation by hand claims it as its schedule does.
GRANT SELECT, INSERT, UPDATE ON schedule, firing TO graphpatch_enqueue;
