-- Proof: every event, every row and what a run came from stand under digests, chained for each run. How they are worked out
-- stands in docs/proof.md. The chain's end stands beside the counts, because the commit that records events has that row's lock anyway.

ALTER TABLE run_count
    ADD COLUMN commits integer NOT NULL DEFAULT 0,
    ADD COLUMN digest  bytea CHECK (octet_length(digest) = 32);
COMMENT ON COLUMN run_count.commits IS 'The number of the run''s last audit_commit.';
COMMENT ON COLUMN run_count.digest IS 'Its digest. NULL: the run is older than the chain.';

CREATE TABLE audit_commit (
    run     bigint NOT NULL,
    number  integer NOT NULL CHECK (number >= 0),
    rows    integer[] NOT NULL,
    digests bytea[] NOT NULL,
    digest  bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (run, number),
    CHECK (cardinality(rows) = cardinality(digests))
) PARTITION BY RANGE (run);
-- Digests do not compress.
ALTER TABLE audit_commit ALTER COLUMN digests SET STORAGE EXTERNAL;
COMMENT ON TABLE audit_commit IS 'One link of a run''s chain: the events that one commit recorded. Number 0 is the import: the digests of its slices, by their first rows.';
COMMENT ON COLUMN audit_commit.rows IS 'The row of each event, in the order of digests.';
COMMENT ON COLUMN audit_commit.digest IS 'SHA-256 over the digest of the number before and over what this one says.';
CREATE TRIGGER audit_commit_append_only BEFORE UPDATE OR DELETE ON audit_commit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_commit_no_truncate BEFORE TRUNCATE ON audit_commit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION make_month(month integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part   text;
    may    regrole;
    low    bigint := month::bigint * 1000000;
    high   bigint := month::bigint * 1000000 + 999999;
BEGIN
    FOREACH parent IN ARRAY ARRAY['status_update', 'audit_event', 'audit_commit'] LOOP
        part := parent || '_' || month;
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        -- Two that make the same month: the second waits here and finds it made.
        PERFORM pg_advisory_xact_lock(hashtext('graphpatch.make_month'), month);
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL, CONSTRAINT month CHECK (run BETWEEN %s AND %s))', part, parent, low, high);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, low, high + 1);
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT month', part);
        -- Row triggers come with ATTACH; statement triggers do not.
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part || '_no_truncate', part);
        -- Neither do rights, and COPY goes straight into the month. Who may insert only some columns may not.
        FOR may IN
            SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = parent::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
        LOOP
            EXECUTE format('GRANT INSERT ON %I TO %s', part, may);
        END LOOP;
    END LOOP;
END
$$;
SELECT make_month(right(inhrelid::regclass::text, 6)::integer) FROM pg_inherits WHERE inhparent = 'audit_event'::regclass;

ALTER TABLE status_update ADD COLUMN erased bytea CHECK (octet_length(erased) = 32);
ALTER TABLE audit_event ADD COLUMN erased bytea CHECK (octet_length(erased) = 32);
COMMENT ON COLUMN status_update.erased IS 'A person''s values were removed from this row: the wanted values and the other cells. This is their SHA-256.';
COMMENT ON COLUMN audit_event.erased IS 'A person''s values were removed from this event: both bodies and the error. This is their SHA-256.';
ALTER TABLE audit_event DROP CONSTRAINT audit_event_outcome_check;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_outcome_check CHECK (outcome IN (
    'applied', 'rejected', 'failed', 'unchanged', 'superseded',
    'observed', 'throttled', 'unauthorized', 'refused', 'transient', 'unknown',
    'enqueued', 'held', 'released', 'cancelled', 'finished', 'replayed', 'reverted', 'erased'));

-- The one change that is let through takes a person's values away, and leaves their hash and all the rest as it was.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    personal text[] := ARRAY['request_body', 'response_body', 'error',
        'user_display_name', 'devices_count', 'status', 'last_reported_date_time', 'user_principal_name', 'other', 'expects'];
    was jsonb;
    now jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := to_jsonb(OLD);
        now := to_jsonb(NEW);
        IF was ? 'outcome' THEN
            personal := personal[1:3];
        END IF;
        IF was->>'erased' IS NULL AND now->>'erased' IS NOT NULL
            AND was - personal - 'erased' = now - personal - 'erased'
            AND NOT EXISTS (SELECT FROM jsonb_each(now) WHERE key = ANY (personal) AND value <> 'null')
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'History is removed by the month, with its partition.';
END
$$;

-- What is left of a month that was purged.
CREATE TABLE audit_purge (
    month     integer PRIMARY KEY CHECK (month % 100 BETWEEN 1 AND 12),
    purged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor     text NOT NULL,
    runs      integer NOT NULL,
    digest    bytea NOT NULL CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE audit_purge IS 'The months whose rows and events were removed. Their runs stay, with their counts and the ends of their chains.';
COMMENT ON COLUMN audit_purge.digest IS 'SHA-256 over the numbers of the month''s runs and the ends of their chains.';
CREATE TRIGGER audit_purge_append_only BEFORE UPDATE OR DELETE ON audit_purge
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_purge_no_truncate BEFORE TRUNCATE ON audit_purge
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
