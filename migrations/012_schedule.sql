-- Reconciliations: when each was fired last, and what became of every firing.
--
-- A schedule is claimed by a lock on its row, so that a time is fired for once, whatever the number of processes that
-- watch the clock. The claim is a lease with a fence: who takes over from a process that is gone raises the fence, and the
-- import's own commit looks at it, so that no firing can bring two runs in.

ALTER TABLE plan ADD COLUMN left_alone integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN plan.left_alone IS 'Rows that drift back however often they are corrected: they are settled as moved.';

CREATE TABLE schedule (
    name      text PRIMARY KEY,
    last_due  timestamptz NOT NULL,
    firing    timestamptz,
    fence     bigint NOT NULL DEFAULT 0,
    alive_at  timestamptz,
    last_run  bigint
);
COMMENT ON COLUMN schedule.last_due IS 'The latest of its times that was fired for or let go.';
COMMENT ON COLUMN schedule.firing IS 'The time for which it is being fired; NULL when no firing is under way.';
COMMENT ON COLUMN schedule.fence IS 'Raised by each claim: only who knows it may end the firing.';
COMMENT ON COLUMN schedule.alive_at IS 'When whoever works the firing last said so.';
COMMENT ON COLUMN schedule.last_run IS 'The run of the last firing that brought one in.';

CREATE TABLE firing (
    name       text NOT NULL,
    due        timestamptz NOT NULL,
    actor      text NOT NULL,
    missed     integer NOT NULL DEFAULT 0,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    run        bigint,
    outcome    text CHECK (outcome IN ('enqueued', 'refused', 'failed')),
    problem    text,
    PRIMARY KEY (name, due),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((outcome = 'enqueued') = (run IS NOT NULL))
);
CREATE INDEX firing_run ON firing (run) WHERE run IS NOT NULL;
COMMENT ON TABLE firing IS 'One row for each time a reconciliation was fired.';
COMMENT ON COLUMN firing.missed IS 'Earlier times that passed unfired and are made up for, or let go, with this one.';
COMMENT ON COLUMN firing.outcome IS 'NULL while it is under way; refused: a guard or the source''s faults; failed: the source could not be read.';
