-- Planning: before anything of a run is sent, the present values of its statuses are read, and rows that Graph shows as they
-- are wanted are settled. How far that has come, by collection, so that it goes on after a restart where it stood.

ALTER TABLE run DROP CONSTRAINT run_state_check;
ALTER TABLE run ADD CONSTRAINT run_state_check CHECK (state IN ('planning', 'running', 'held', 'finished', 'cancelled'));
-- What was enqueued before there were plans goes on without one.
ALTER TABLE run ADD COLUMN blind boolean NOT NULL DEFAULT true;
ALTER TABLE run ALTER COLUMN blind SET DEFAULT false;
ALTER TABLE run
    ADD COLUMN plan_hold boolean NOT NULL DEFAULT false,
    ADD COLUMN planned_at timestamptz;
COMMENT ON COLUMN run.blind IS 'Its rows are sent without their statuses being read first.';
COMMENT ON COLUMN run.plan_hold IS 'When it is planned it is held, for a person to look at the plan.';
COMMENT ON COLUMN run.planned_at IS 'When its last plan was complete. NULL: there is none, or it is being made.';
COMMENT ON COLUMN run.reason IS 'Why the run is held or was cancelled; while it is planning or running, what it waits for.';
DROP INDEX run_open;
CREATE INDEX run_open ON run (tenant, id) WHERE state IN ('planning', 'running', 'held');

-- Two more ways for a row to be settled: somebody else changed its status since the plan, or there is no such status.
ALTER TABLE run_count DROP COLUMN settled;
ALTER TABLE run_count
    ADD COLUMN moved   integer NOT NULL DEFAULT 0,
    ADD COLUMN missing integer NOT NULL DEFAULT 0;
ALTER TABLE run_count
    ADD COLUMN settled integer NOT NULL GENERATED ALWAYS AS (applied + rejected + failed + unchanged + superseded + moved + missing) STORED,
    ADD COLUMN planned_settled integer,
    ADD COLUMN canary_settled integer,
    ADD CHECK (settled <= rows);
COMMENT ON COLUMN run_count.planned_settled IS 'Rows that were settled when the last plan was complete. NULL: there was none.';
COMMENT ON COLUMN run_count.canary_settled IS 'How many rows are settled when the canary''s rows are. NULL: as many as canary_rows.';
COMMENT ON COLUMN run_count.canary_rows IS 'Only the rows up to this one are sent; when they are settled the run is held, and its release sets this to NULL.';

ALTER TABLE audit_event DROP CONSTRAINT audit_event_outcome_check;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_outcome_check CHECK (outcome IN (
    'applied', 'rejected', 'failed', 'unchanged', 'superseded', 'moved', 'missing',
    'observed', 'throttled', 'unauthorized', 'refused', 'transient', 'unknown',
    'enqueued', 'planned', 'held', 'released', 'cancelled', 'finished', 'replayed', 'reverted', 'erased'));
ALTER TABLE audit_event DROP CONSTRAINT audit_event_check;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_check CHECK (
    NOT final OR row > 0 AND outcome IN ('applied', 'rejected', 'failed', 'unchanged', 'superseded', 'moved', 'missing'));
COMMENT ON COLUMN audit_event.row IS '0 for the events of the run itself, and for requests that were made for several rows: the pages of lists.';

CREATE TABLE plan (
    run                     bigint NOT NULL,
    part                    integer NOT NULL CHECK (part > 0),
    route                   text NOT NULL,
    device_configuration_id text NOT NULL,
    certificate_id          text,
    rows                    integer NOT NULL,
    first_row               integer NOT NULL,
    last_row                integer NOT NULL,
    begun_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    step                    integer NOT NULL DEFAULT 0,
    way                     text NOT NULL DEFAULT 'list' CHECK (way IN ('list', 'get', 'absent')),
    link                    text,
    pages                   integer NOT NULL DEFAULT 0,
    listed                  integer NOT NULL DEFAULT 0,
    total                   integer,
    faults                  integer NOT NULL DEFAULT 0,
    swept                   integer NOT NULL DEFAULT 0,
    unchanged               integer NOT NULL DEFAULT 0,
    differ                  integer NOT NULL DEFAULT 0,
    missing                 integer NOT NULL DEFAULT 0,
    unread                  integer NOT NULL DEFAULT 0,
    changes                 jsonb NOT NULL DEFAULT '[]',
    warning                 text,
    done_at                 timestamptz,
    PRIMARY KEY (run, part)
);
CREATE INDEX plan_open ON plan (run) WHERE done_at IS NULL;
COMMENT ON TABLE plan IS 'The parts of a run''s plan: one for each configuration and route, which are one list of Graph''s.';
COMMENT ON COLUMN plan.rows IS 'Open rows of the part when the plan was begun; the lowest and the highest of them are first_row and last_row.';
COMMENT ON COLUMN plan.step IS 'Counts what was written down of it: of two that work on the same part only one goes on.';
COMMENT ON COLUMN plan.way IS 'list: page by page; get: the rows that are left are read one by one; absent: there is no such list.';
COMMENT ON COLUMN plan.link IS 'The page that comes next. NULL: the first one.';
COMMENT ON COLUMN plan.total IS 'How many statuses the list should have, as the overview says. NULL: not known.';
COMMENT ON COLUMN plan.faults IS 'Passing faults in a row at this page.';
COMMENT ON COLUMN plan.swept IS 'The row up to which rows were read one by one.';
COMMENT ON COLUMN plan.unread IS 'Rows that could not be read: they are sent as they are.';
COMMENT ON COLUMN plan.changes IS 'What would be changed, by property: how many rows, and examples.';
