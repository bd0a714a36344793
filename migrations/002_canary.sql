-- A run begins with a canary; answers that were no row's fault are told apart; requests are counted, not worked out.

ALTER TABLE run ADD COLUMN canary text NOT NULL DEFAULT 'waived' CHECK (canary IN ('pending', 'passed', 'failed', 'waived'));
ALTER TABLE run ALTER COLUMN canary SET DEFAULT 'pending';
COMMENT ON COLUMN run.canary IS 'pending: rows are sent one at a time until one was applied and read back as it was sent. failed: that did not happen, and the run was held. waived: somebody released it all the same, or it began before there were canaries.';
COMMENT ON COLUMN run.reason IS 'Why the run is held or was cancelled; while it is running, what it waits for.';

ALTER TABLE run_count ADD COLUMN refused integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN run_count.refused IS 'Answers that refused the whole run and no row in particular: it was held.';
ALTER TABLE run_count ADD COLUMN requests integer NOT NULL DEFAULT 0;
UPDATE run_count SET requests = applied + rejected + failed + throttled + unauthorized + transient + late;
COMMENT ON COLUMN run_count.requests IS 'Requests that certainly reached the wire. Up to as many more as are unknown may have.';

ALTER TABLE audit_event DROP CONSTRAINT audit_event_outcome_check;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_outcome_check CHECK (outcome IN (
    'applied', 'rejected', 'failed', 'unchanged', 'superseded',
    'observed', 'throttled', 'unauthorized', 'refused', 'transient', 'unknown',
    'enqueued', 'held', 'released', 'cancelled', 'finished'));
ALTER TABLE audit_event ADD COLUMN spared boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN audit_event.spared IS 'A transient or unknown answer that does not count against the attempts of its row, because nothing got through for the tenant.';
