-- Runs that send rows of an earlier run again, or take back what it did. Both runs say so: the new one in its column, the earlier one by an event.

ALTER TABLE run ADD COLUMN origin bigint;
ALTER TABLE run ADD CONSTRAINT run_origin_check CHECK ((origin IS NOT NULL) = (kind IN ('replay', 'revert')));
COMMENT ON COLUMN run.origin IS 'The run whose rows this one sends again or takes back; NULL for one of another source. Not a foreign key: a run outlives the months of its origin.';
COMMENT ON COLUMN run.fingerprint IS 'SHA-256 over what the rows ask for, in order; of a replay or a revert, over its origin and that. The same content for the same tenant is refused.';

ALTER TABLE audit_event DROP CONSTRAINT audit_event_outcome_check;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_outcome_check CHECK (outcome IN (
    'applied', 'rejected', 'failed', 'unchanged', 'superseded',
    'observed', 'throttled', 'unauthorized', 'refused', 'transient', 'unknown',
    'enqueued', 'held', 'released', 'cancelled', 'finished', 'replayed', 'reverted'));

ALTER TABLE status_update ADD COLUMN expects text;
COMMENT ON COLUMN status_update.expects IS 'Values that the status must show before the row may be sent, as JSON: those that the run wrote which is being reverted. NULL: whatever it shows.';
