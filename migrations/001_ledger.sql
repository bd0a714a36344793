-- Runs. A run's id carries its month (202611000042), so that the tables partitioned by it can be dropped by month.

CREATE TABLE run_counter (
    month integer PRIMARY KEY CHECK (month % 100 BETWEEN 1 AND 12),
    last  integer NOT NULL CHECK (last BETWEEN 1 AND 999999)
);
COMMENT ON TABLE run_counter IS 'The last run number of each month. Taken in a transaction of its own, before the import, so that no number is used twice.';

CREATE TABLE run (
    id          bigint PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('csv')),
    name        text NOT NULL,
    actor       text NOT NULL,
    tenant      uuid NOT NULL,
    source      jsonb NOT NULL,
    options     jsonb NOT NULL,
    priority    smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    state       text NOT NULL CHECK (state IN ('running', 'held', 'finished', 'cancelled')),
    reason      text,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    repeat      integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT run_fingerprint_unique UNIQUE (tenant, fingerprint, repeat)
);
CREATE INDEX run_open ON run (tenant, id) WHERE state IN ('running', 'held');
COMMENT ON COLUMN run.source IS 'What the rows came from: file name, bytes, sha256, encoding, delimiter, header. Never a password.';
COMMENT ON COLUMN run.reason IS 'Why the run is held or was cancelled.';
COMMENT ON COLUMN run.fingerprint IS 'SHA-256 over what the rows ask for, in order. The same content for the same tenant is refused.';
COMMENT ON COLUMN run.repeat IS '0, or how often the same content had been imported before, on purpose.';

CREATE TABLE run_count (
    run          bigint PRIMARY KEY,
    rows         integer NOT NULL,
    applied      integer NOT NULL DEFAULT 0,
    rejected     integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    unchanged    integer NOT NULL DEFAULT 0,
    superseded   integer NOT NULL DEFAULT 0,
    settled      integer NOT NULL GENERATED ALWAYS AS (applied + rejected + failed + unchanged + superseded) STORED,
    observed     integer NOT NULL DEFAULT 0,
    throttled    integer NOT NULL DEFAULT 0,
    unauthorized integer NOT NULL DEFAULT 0,
    transient    integer NOT NULL DEFAULT 0,
    unknown      integer NOT NULL DEFAULT 0,
    late         integer NOT NULL DEFAULT 0,
    progress_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    looked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (settled <= rows)
) WITH (fillfactor = 50);
COMMENT ON TABLE run_count IS 'Progress, exact: bumped in the commit that inserts the events it counts. settled counts rows, the columns after it count events that settled none.';
COMMENT ON COLUMN run_count.looked_at IS 'When maintenance last looked whether a run without progress has a job for each open row.';
COMMENT ON COLUMN run_count.late IS 'Answers that came after their row had been taken over.';

-- What the rows ask for. Written once, at import, by COPY into the month's partition.

CREATE TABLE status_update (
    run                      bigint NOT NULL,
    row                      integer NOT NULL CHECK (row > 0),
    line                     bigint NOT NULL,
    target                   uuid NOT NULL,
    route                    text NOT NULL,
    device_configuration_id  text NOT NULL,
    certificate_id           text,
    user_status_id           text NOT NULL,
    asks                     smallint NOT NULL CHECK (asks BETWEEN 1 AND 31),
    user_display_name        text,
    devices_count            integer,
    status                   text,
    last_reported_date_time  text,
    user_principal_name      text,
    other                    text[],
    PRIMARY KEY (run, row)
) PARTITION BY RANGE (run);
CREATE INDEX status_update_target ON status_update (target);
COMMENT ON COLUMN status_update.target IS 'First 16 bytes of SHA-256 over the canonical target.';
COMMENT ON COLUMN status_update.asks IS 'Which properties are asked for: 1 userDisplayName, 2 devicesCount, 4 status, 8 lastReportedDateTime, 16 userPrincipalName. Asked for and NULL means null.';
COMMENT ON COLUMN status_update.last_reported_date_time IS 'As it was given: text, because timestamptz would lose the offset and the seventh digit.';
COMMENT ON COLUMN status_update.other IS 'The source''s other cells, as they came; run.source says which columns they are.';

-- What is being sent. A row stands here before its request leaves and goes in the commit that records the answer.

CREATE TABLE in_flight (
    target            uuid PRIMARY KEY,
    run               bigint NOT NULL,
    row               integer NOT NULL,
    client_request_id uuid NOT NULL,
    worker            text NOT NULL,
    since             timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

-- What happened. Append-only.

CREATE TABLE audit_event (
    run               bigint NOT NULL,
    row               integer NOT NULL,
    final             boolean NOT NULL DEFAULT false,
    body_cut          boolean NOT NULL DEFAULT false,
    status            smallint,
    elapsed_us        integer,
    sent_at           timestamptz,
    recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    client_request_id uuid,
    outcome           text NOT NULL CHECK (outcome IN (
        'applied', 'rejected', 'failed', 'unchanged', 'superseded',
        'observed', 'throttled', 'unauthorized', 'transient', 'unknown',
        'enqueued', 'held', 'released', 'cancelled', 'finished')),
    method            text,
    url               text,
    request_body      bytea COMPRESSION lz4,
    response_headers  bytea COMPRESSION lz4,
    response_body     bytea COMPRESSION lz4,
    request_id        text,
    worker            text,
    actor             text,
    error             text,
    CHECK (NOT final OR row > 0 AND outcome IN ('applied', 'rejected', 'failed', 'unchanged', 'superseded'))
) PARTITION BY RANGE (run);
CREATE UNIQUE INDEX audit_event_final ON audit_event (run, row) WHERE final;
CREATE INDEX audit_event_row ON audit_event (run, row);
CREATE INDEX audit_event_failure ON audit_event (run, row) WHERE outcome IN ('rejected', 'failed');
CREATE INDEX audit_event_recorded ON audit_event USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
COMMENT ON COLUMN audit_event.row IS '0 for the events of the run itself.';
COMMENT ON COLUMN audit_event.final IS 'This event settles its row. A unique index says there is only one.';
COMMENT ON COLUMN audit_event.sent_at IS 'When the request left, on the worker''s clock; of an unknown answer, when the row was put in flight, on the database''s.';
COMMENT ON COLUMN audit_event.response_headers IS 'Name: value lines, CRLF, as they came; those kept are named in the documentation. Authorization is never among them.';
COMMENT ON COLUMN audit_event.body_cut IS 'response_body holds only the first 64 KiB.';
COMMENT ON COLUMN audit_event.error IS 'What went wrong in the words of the client or of Graph; for a run''s own events the reason.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'History is removed by the month, with its partition.';
END
$$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER status_update_unchanging BEFORE UPDATE OR DELETE ON status_update
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER status_update_no_truncate BEFORE TRUNCATE ON status_update
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Partitions, by month. CREATE, CHECK and ATTACH rather than PARTITION OF: that would wait for an import that is
-- still writing, and make everybody else wait behind it.

CREATE FUNCTION make_month(month integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part   text;
    low    bigint := month::bigint * 1000000;
    high   bigint := month::bigint * 1000000 + 999999;
BEGIN
    FOREACH parent IN ARRAY ARRAY['status_update', 'audit_event'] LOOP
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
    END LOOP;
END
$$;
COMMENT ON FUNCTION make_month IS 'Makes the partitions of one month (yyyymm) if they are not there.';

CREATE FUNCTION make_months() RETURNS void LANGUAGE sql AS $$
    SELECT make_month(to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n), 'YYYYMM')::integer)
    FROM generate_series(0, 2) n
$$;
COMMENT ON FUNCTION make_months IS 'Makes the partitions of this month and the next two (UTC).';
SELECT make_months();
