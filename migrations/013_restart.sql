-- A server that is restarted in order is not taken for one that crashed.

-- Checkpoints are known to the second only, and a restart takes less. When the last one may have been made before the start or
-- after it, the statistics tell: the server takes them over when it was shut down in order, and begins them anew after a crash.
CREATE OR REPLACE FUNCTION budget_crashed() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    started CONSTANT timestamptz := pg_postmaster_start_time();
    checkpoint timestamptz;
BEGIN
    IF NOT has_function_privilege('pg_control_checkpoint()', 'EXECUTE') THEN
        RETURN true;
    END IF;
    SELECT checkpoint_time INTO STRICT checkpoint FROM pg_control_checkpoint();
    IF checkpoint <> date_trunc('second', started) THEN
        RETURN checkpoint > started;
    END IF;
    RETURN (SELECT coalesce(stats_reset >= started, true) FROM pg_stat_bgwriter);
END
$$;
COMMENT ON FUNCTION budget_crashed() IS 'Whether reservations may have been lost when the server started.';
