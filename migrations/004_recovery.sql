-- How the rate comes back after a 429, and what a hint of Graph's says: at thousands of updates a tenant that is shared with
-- others used to cost a tenth of what they leave, and the hints, which count our own use, a fifth of all.

ALTER TABLE budget ADD COLUMN busy_since timestamptz NOT NULL DEFAULT 'epoch';
COMMENT ON COLUMN budget.busy_since IS 'Since when slots have lain without a gap; what idle time there was in the last 20 s comes off.';
COMMENT ON COLUMN budget.factor IS 'What part of the limit was used from factor_at on; it is held for 20 s and climbs back after that.';
COMMENT ON COLUMN budget.factor_at IS 'When the factor began to hold: after a 429 that is the end of its pause.';

-- The factor in force. After 20 s it is on its way back to where it fell from, quickly at first; it is there after 60 s
-- more, lingers because that was too much when last tried, and then goes beyond, faster and faster.
CREATE OR REPLACE FUNCTION budget_factor(factor double precision, factor_at timestamptz, at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN factor >= 1 THEN 1 WHEN t < 0 THEN factor
        ELSE least(1, factor / 0.9 * (1 + 0.1 * (t / 60 - 1) * (t / 60 - 1) * (t / 60 - 1))) END
    FROM (SELECT (extract(epoch FROM at - factor_at - interval '20 s') * 1000000)::double precision / 1000000 AS t) after
$$;

-- The factor after Graph showed that the rate is too high. Not by more, because it shows only where it lies.
CREATE OR REPLACE FUNCTION budget_lower(factor double precision, factor_at timestamptz, at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(0.05, 0.9 * budget_factor(factor, factor_at, at))
$$;

-- Takes a range of slots, in the row of the app and in the one of its tenant, if there is one. No more than a lease
-- lasts, no slot before the lead or a pause is over. granted is 0 when first, which is where the range would have begun,
-- lies beyond the horizon.
CREATE OR REPLACE FUNCTION budget_reserve(
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
        mine.busy_since := least(first, greatest(mine.busy_since, mine.tat - interval '20 s') + greatest(interval '0', first - mine.tat));
        granted := greatest(1, least(wanted, floor(extract(epoch FROM lease) / extract(epoch FROM step))));
        mine.tat := first + granted * step;
    END IF;
    UPDATE budget SET tat = mine.tat, quota = mine.quota, every = mine.every, quota_at = mine.quota_at, started = mine.started,
        busy_since = mine.busy_since
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

DROP FUNCTION budget_strike(uuid, text, text, boolean, timestamptz, interval, double precision, boolean, boolean, text);

-- Pauses an app, or all apps of its tenant, and tells them. wait is what Graph asked for, NULL when it named no time. It is
-- counted from when the answer came, as far as that is known and can be true: this statement may come late.
-- too_many: the rate was too high, so it falls; that the service is busy says nothing about the rate.
CREATE FUNCTION budget_strike(
    of_tenant uuid, of_app text, of_class text, whole_tenant boolean, slot timestamptz,
    answered timestamptz, wait interval, jitter double precision, is_down boolean, too_many boolean, why text,
    OUT news boolean, OUT mine budget, OUT at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    b budget;
    was budget;
    since timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM FROM budget WHERE tenant = of_tenant AND (whole_tenant OR app = of_app) ORDER BY app, class FOR NO KEY UPDATE;
    at := clock_timestamp();
    since := CASE WHEN answered BETWEEN at - interval '5 s' AND at THEN answered ELSE at END;
    FOR was IN SELECT * FROM budget WHERE tenant = of_tenant AND (whole_tenant OR app = of_app) ORDER BY app, class LOOP
        b := budget_struck(was, slot, wait, jitter, is_down, why, since);
        IF slot >= was.paused_until AND b.class = of_class AND b.app <> '' AND too_many THEN
            b.factor := budget_lower(b.factor, b.factor_at, since);
            b.factor_at := greatest(since, b.paused_until);
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
            news := slot >= was.paused_until;
        END IF;
    END LOOP;
END
$$;

-- What factor a hint asks for: room for what others use and a twentieth to spare. used is the part of the limit that Graph
-- says is used in its window of 20 s, of which own is ours; busy_for is for how long slots have lain without a gap. While
-- that is less than the window nothing of it ends yet, so that the room which is left must do until the window is over.
CREATE FUNCTION budget_eased(factor double precision, used double precision, busy_for interval) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    busy double precision := least(20, greatest(0, (extract(epoch FROM busy_for) * 1000000)::double precision / 1000000));
    others double precision := used - factor * busy / 20;
    wanted double precision := 0.95 - others;
BEGIN
    IF used < 0.8 OR others <= 0.05 THEN
        RETURN factor;
    END IF;
    IF busy < 20 THEN
        wanted := least(wanted, (0.95 - used) * 20 / (20 - busy));
    END IF;
    RETURN least(factor, greatest(0.05, wanted));
END
$$;

-- Lowers the rate because Graph says that others use up the limit; not before what was last changed has had its effect.
DROP FUNCTION budget_ease(uuid, text, text);
CREATE FUNCTION budget_ease(of_tenant uuid, of_app text, of_class text, used double precision) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    b budget;
    at timestamptz;
    now_is double precision;
    wanted double precision;
BEGIN
    SELECT * INTO b FROM budget WHERE tenant = of_tenant AND app = of_app AND class = of_class FOR NO KEY UPDATE;
    at := clock_timestamp();
    now_is := budget_factor(b.factor, b.factor_at, at);
    wanted := budget_eased(now_is, used, at - b.busy_since);
    IF wanted < now_is AND b.factor_at < at - interval '20 s' THEN
        UPDATE budget SET factor = wanted, factor_at = at WHERE tenant = of_tenant AND app = of_app AND class = of_class;
    END IF;
END
$$;
