-- The brake: how many rows of a run may go wrong before it is held, and how many are sent before a person looks.
--
-- The limits stand beside the counts, because the commit that settles rows decides by both, under the lock of this row.

ALTER TABLE run_count
    ADD COLUMN max_failures         integer CHECK (max_failures > 0),
    ADD COLUMN max_failures_percent double precision CHECK (max_failures_percent >= 0 AND max_failures_percent < 100),
    ADD COLUMN waived_settled       integer NOT NULL DEFAULT 0,
    ADD COLUMN waived_failures      integer NOT NULL DEFAULT 0,
    ADD COLUMN canary_rows          integer CHECK (canary_rows > 0);
COMMENT ON COLUMN run_count.max_failures IS 'The run is held once so many rows were rejected or failed. NULL: not by number.';
COMMENT ON COLUMN run_count.max_failures_percent IS 'The run is held once more than this share of the settled rows were rejected or failed. NULL: not by share.';
COMMENT ON COLUMN run_count.waived_settled IS 'Rows settled at the last release: both limits count from there.';
COMMENT ON COLUMN run_count.waived_failures IS 'Rows rejected or failed at the last release.';
COMMENT ON COLUMN run_count.canary_rows IS 'Only so many first rows are sent; when they are settled the run is held, and its release sets this to NULL.';

-- What a failure has in common with others: its text without what differs from row to row. Those are names of users;
-- GUIDs and other long ids in hexadecimal; times and dates; and numbers of four digits and more, ports of connections among
-- them. Three simple patterns, because one with all of it takes three times as long.
CREATE FUNCTION failure_cause(error text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(error,
        '[^\s"''<>()=,;:/@]+@[^\s"''<>()=,;:/@]+\.[A-Za-z]+', '…', 'g'),
        '[0-9A-Fa-f]{8}[0-9A-Fa-f-]{8,}', '…', 'g'),
        '\d{4,}(-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?', '…', 'g')
$$;
