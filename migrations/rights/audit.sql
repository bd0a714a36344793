-- graphpatch_audit reads.
GRANT SELECT ON schema_version, run, run_count, run_counter, status_update, in_flight, audit_event, audit_commit, audit_purge, plan, budget TO graphpatch_audit;
GRANT EXECUTE ON FUNCTION failure_cause, event_id TO graphpatch_audit;
-- Whether a worker serves the tenant.
GRANT SELECT ON river_queue TO graphpatch_audit;
GRANT SELECT ON schedule, firing TO graphpatch_audit;

GRANT USAGE ON SCHEMA audit TO graphpatch_audit;
GRANT SELECT ON audit.runs, audit.rows, audit.events TO graphpatch_audit;
