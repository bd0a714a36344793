-- The budget: at what instants requests may leave, for all processes together. The arithmetic is that of package budget,
-- whose pure functions a test holds against these. Each call is one statement and its own transaction, so that a process
-- which is stopped in the middle never holds a lock.
--
-- The order of locks is the same everywhere: (app, class), the tenant's own rows first.

CREATE TABLE budget (
    tenant       uuid NOT NULL,
    app          text NOT NULL,
    class        text NOT NULL CHECK (class IN ('read', 'write')),
    tat          timestamptz NOT NULL DEFAULT 'epoch',
    quota        text NOT NULL,
    every        interval NOT NULL CHECK (every > interval '0'),
    quota_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    factor       double precision NOT NULL DEFAULT 1 CHECK (factor > 0 AND factor <= 1),
    factor_at    timestamptz NOT NULL DEFAULT 'epoch',
    revision     bigint NOT NULL DEFAULT 0,
    paused_since timestamptz NOT NULL DEFAULT 'epoch',
    paused_until timestamptz NOT NULL DEFAULT 'epoch',
    asked        boolean NOT NULL DEFAULT false,
    down         boolean NOT NULL DEFAULT false,
    strikes      integer NOT NULL DEFAULT 0,
    reason       text NOT NULL DEFAULT '',
    started      timestamptz NOT NULL DEFAULT pg_postmaster_start_time(),
    PRIMARY KEY (tenant, app, class)
) WITH (
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON COLUMN budget.app IS 'The app that asks, or empty: the tenant''s own limit, above those of its apps.';
COMMENT ON COLUMN budget.tat IS 'Theoretical arrival time: no slot that is yet to be given lies before.';
COMMENT ON COLUMN budget.quota IS 'The limit in force, as people write it: the lowest of those that live processes go by.';
COMMENT ON COLUMN budget.every IS 'The emission interval at that limit and a factor of 1.';
COMMENT ON COLUMN budget.quota_at IS 'When a process that goes by this limit was last seen. A minute later a higher one takes its place.';
COMMENT ON COLUMN budget.factor IS 'What part of the limit was used from factor_at on; it is held for 30 s and climbs back after that.';
COMMENT ON COLUMN budget.revision IS 'Counts the changes of the pause, so that news which comes late is told from news.';
COMMENT ON COLUMN budget.paused_until IS 'Nobody sends before. It stays when the pause is over: only an answer to a later request is news.';
COMMENT ON COLUMN budget.asked IS 'Graph named the time; otherwise it comes from the backoff.';
COMMENT ON COLUMN budget.strikes IS 'Answers in a row that asked for a pause without naming a time.';
COMMENT ON COLUMN budget.started IS 'When the server started that the row was last written on.';

-- The factor in force.
CREATE FUNCTION budget_factor(factor double precision, factor_at timestamptz, at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN factor >= 1 THEN 1
        ELSE least(1, factor + 0.02 * greatest(0, floor(extract(epoch FROM at - factor_at - interval '30 s')::double precision / 5)))
    END
$$;

-- The factor after Graph showed that the rate is too high.
CREATE FUNCTION budget_lower(factor double precision, factor_at timestamptz, at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(0.05, 0.8 * budget_factor(factor, factor_at, at))
$$;

-- The emission interval in force, in whole microseconds because timestamps are.
CREATE FUNCTION budget_step(every interval, factor double precision) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
    SELECT ceil(extract(epoch FROM every)::double precision * 1000000 / factor) * interval '1 microsecond'
$$;

-- Whether reservations may have been lost when the server started. One that has not checkpointed since was shut down in
-- order before. Checkpoints are known to the second only; who may not ask must take it for granted.
CREATE FUNCTION budget_crashed() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF has_function_privilege('pg_control_checkpoint()', 'EXECUTE') THEN
        RETURN (SELECT checkpoint_time >= date_trunc('second', pg_postmaster_start_time()) FROM pg_control_checkpoint());
    END IF;
    RETURN true;
END
$$;

-- What a row becomes when a process shows itself at an instant: of the limits that live processes go by the lowest
-- holds; what a crash of the server may have lost is waited for; and nothing lies before what the process was given.
CREATE FUNCTION budget_visited(b budget, own_quota text, own_every interval, seen timestamptz, at timestamptz) RETURNS budget
LANGUAGE plpgsql AS $$
BEGIN
    b.tat := greatest(b.tat, seen);
    IF own_every >= b.every OR b.quota_at < at - interval '1 minute' THEN
        b.quota := own_quota;
        b.every := own_every;
        b.quota_at := at;
    END IF;
    IF b.started <> pg_postmaster_start_time() THEN
        b.started := pg_postmaster_start_time();
        IF budget_crashed() THEN
            b.tat := greatest(b.tat, b.started + interval '10 s');
        END IF;
    END IF;
    RETURN b;
END
$$;

-- Takes a range of slots, in the row of the app and in the one of its tenant, if there is one. No more than a lease
-- lasts, no slot before the lead or a pause is over. granted is 0 when first, which is where the range would have begun,
-- lies beyond the horizon.
CREATE FUNCTION budget_reserve(
    of_tenant uuid, of_app text, of_class text, wanted integer, lease interval, lead interval, horizon interval,
    own_quota text, own_every interval, seen timestamptz, tenant_quota text, tenant_every interval, tenant_seen timestamptz,
    OUT granted integer, OUT first timestamptz, OUT step interval, OUT mine budget, OUT above budget, OUT at timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    -- Losing the last of these to a crash is what the start of the server is kept for.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO above FROM budget WHERE tenant = of_tenant AND app = '' AND class = of_class FOR NO KEY UPDATE;
    SELECT * INTO STRICT mine FROM budget WHERE tenant = of_tenant AND app = of_app AND class = of_class FOR NO KEY UPDATE;
    at := clock_timestamp(); -- not before the locks are there
    mine := budget_visited(mine, own_quota, own_every, seen, at);
    step := budget_step(mine.every, budget_factor(mine.factor, mine.factor_at, at));
    first := greatest(mine.tat, mine.paused_until, at + lead);
    IF above.tenant IS NOT NULL THEN
        above := budget_visited(above, coalesce(tenant_quota, above.quota), coalesce(tenant_every, above.every), tenant_seen, at);
        step := greatest(step, above.every);
        first := greatest(first, above.tat, above.paused_until);
    END IF;
    granted := 0;
    IF first <= at + horizon THEN
        granted := greatest(1, least(wanted, floor(extract(epoch FROM lease) / extract(epoch FROM step))));
        mine.tat := first + granted * step;
    END IF;
    UPDATE budget SET tat = mine.tat, quota = mine.quota, every = mine.every, quota_at = mine.quota_at, started = mine.started
    WHERE tenant = of_tenant AND app = of_app AND class = of_class;
    IF above.tenant IS NOT NULL THEN
        IF granted > 0 THEN
            -- Only its own interval for each slot, so that the tenant's other apps use what is between them.
            above.tat := first + granted * above.every;
        END IF;
        UPDATE budget SET tat = above.tat, quota = above.quota, every = above.every, quota_at = above.quota_at, started = above.started
        WHERE tenant = of_tenant AND app = '' AND class = of_class;
    END IF;
END
$$;

-- Tells all processes what has become of a pause.
CREATE FUNCTION budget_tell(b budget) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('graphpatch_budget', json_build_object(
        'tenant', b.tenant, 'app', b.app, 'revision', b.revision, 'since', b.paused_since, 'until', b.paused_until,
        'asked', b.asked, 'down', b.down, 'strikes', b.strikes, 'reason', b.reason)::text)
$$;

-- What a row becomes by an answer to the request of a slot. The answer is news when the slot lies after the last pause.
CREATE FUNCTION budget_struck(b budget, slot timestamptz, wait interval, jitter double precision, is_down boolean, why text, at timestamptz)
RETURNS budget LANGUAGE plpgsql AS $$
DECLARE
    news boolean := slot >= b.paused_until;
    until timestamptz;
BEGIN
    IF wait IS NOT NULL THEN
        until := at + wait;
    ELSIF news THEN
        b.strikes := b.strikes + 1;
        -- 1 s, doubled by each strike, up to 5 min, and up to a quarter more.
        until := at + floor(least(300, power(2, least(b.strikes - 1, 9))) * (1 + jitter / 4) * 1000000) * interval '1 microsecond';
    END IF;
    IF until > b.paused_until THEN
        b.paused_until := until;
        b.asked := wait IS NOT NULL;
        b.reason := why;
    END IF;
    IF news THEN
        b.paused_since := at;
    END IF;
    b.down := b.down OR is_down;
    RETURN b;
END
$$;

-- Pauses an app, or all apps of its tenant, and tells them. wait is what Graph asked for, NULL when it named no time.
-- too_many: the rate was too high, so it falls; that the service is busy says nothing about the rate.
CREATE FUNCTION budget_strike(
    of_tenant uuid, of_app text, of_class text, whole_tenant boolean, slot timestamptz,
    wait interval, jitter double precision, is_down boolean, too_many boolean, why text,
    OUT news boolean, OUT mine budget, OUT at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    b budget;
    was budget;
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM FROM budget WHERE tenant = of_tenant AND (whole_tenant OR app = of_app) ORDER BY app, class FOR NO KEY UPDATE;
    at := clock_timestamp();
    FOR was IN SELECT * FROM budget WHERE tenant = of_tenant AND (whole_tenant OR app = of_app) ORDER BY app, class LOOP
        b := budget_struck(was, slot, wait, jitter, is_down, why, at);
        IF b.paused_since > was.paused_since AND b.class = of_class AND b.app <> '' AND too_many THEN
            b.factor := budget_lower(b.factor, b.factor_at, at);
            b.factor_at := at;
        END IF;
        IF b IS DISTINCT FROM was THEN
            b.revision := was.revision + 1;
            UPDATE budget SET revision = b.revision, paused_since = b.paused_since, paused_until = b.paused_until, asked = b.asked,
                down = b.down, strikes = b.strikes, reason = b.reason, factor = b.factor, factor_at = b.factor_at
            WHERE tenant = b.tenant AND app = b.app AND class = b.class;
            PERFORM budget_tell(b) WHERE b.class = of_class;
        END IF;
        IF b.app = of_app AND b.class = of_class THEN
            mine := b;
            news := b.paused_since > was.paused_since;
        END IF;
    END LOOP;
END
$$;

-- Ends the count of strikes, when a request of a slot after the pause got through; that nothing does is over in any case.
CREATE FUNCTION budget_got_through(of_tenant uuid, of_app text, slot timestamptz) RETURNS SETOF budget
LANGUAGE plpgsql AS $$
DECLARE
    b budget;
BEGIN
    PERFORM FROM budget WHERE tenant = of_tenant AND app = of_app ORDER BY class FOR NO KEY UPDATE;
    FOR b IN
        UPDATE budget SET revision = revision + 1, down = false, strikes = CASE WHEN slot >= paused_until THEN 0 ELSE strikes END
        WHERE tenant = of_tenant AND app = of_app AND (down OR strikes > 0 AND slot >= paused_until)
        RETURNING *
    LOOP
        PERFORM budget_tell(b) WHERE b.class = 'write';
        RETURN NEXT b;
    END LOOP;
END
$$;

-- Lowers the rate because Graph says that the limit is nearly used up; not more than once in five seconds.
CREATE FUNCTION budget_ease(of_tenant uuid, of_app text, of_class text) RETURNS void LANGUAGE sql AS $$
    UPDATE budget SET factor = budget_lower(factor, factor_at, clock_timestamp()), factor_at = clock_timestamp()
    WHERE tenant = of_tenant AND app = of_app AND class = of_class AND factor_at < clock_timestamp() - interval '5 s'
$$;

-- Makes the rows of an app. A new one takes over the pause that its tenant is in.
CREATE FUNCTION budget_open(of_tenant uuid, of_app text, of_class text, own_quota text, own_every interval) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO budget (tenant, app, class, quota, every, revision, paused_since, paused_until, asked, down, strikes, reason)
    SELECT of_tenant, of_app, of_class, own_quota, own_every, coalesce(t.revision, 0), coalesce(t.paused_since, 'epoch'),
        coalesce(t.paused_until, 'epoch'), coalesce(t.asked, false), coalesce(t.down, false), coalesce(t.strikes, 0), coalesce(t.reason, '')
    FROM (SELECT) one
    LEFT JOIN LATERAL (
        SELECT * FROM budget WHERE tenant = of_tenant AND paused_until > clock_timestamp() AND app IN ('', of_app)
        ORDER BY app DESC LIMIT 1
    ) t ON true
    ON CONFLICT DO NOTHING
$$;
