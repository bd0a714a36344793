-- Questions to the audit: an index for each thing that an operator asks by, names of events, and views for people with psql.
--
-- None of the indexes is one that the ledger could take: its plans are made while a month is empty, when whatever fits at all
-- seems as good as what fits best, and are kept. That is why run stands in them as run + 0, and outcomes as "C".

-- By blocks, as it was, the events of an hour are found at once, but the newest fifty are not.
DROP INDEX audit_event_recorded;
CREATE INDEX audit_event_recorded ON audit_event (recorded_at);
CREATE INDEX audit_event_outcome ON audit_event ((run + 0), outcome COLLATE "C", recorded_at);
CREATE INDEX audit_event_status ON audit_event (status, recorded_at) WHERE status IS NOT NULL;
CREATE INDEX audit_event_worker ON audit_event (worker COLLATE "C", recorded_at) WHERE worker IS NOT NULL;
CREATE INDEX audit_event_code ON audit_event (lower(left(split_part(error, ':', 1), 64)) COLLATE "C", recorded_at)
    WHERE row > 0 AND error IS NOT NULL;
-- By what it took, as far as that is worth asking.
CREATE INDEX audit_event_slow ON audit_event (run, elapsed_us) WHERE elapsed_us >= 1000000;
-- Ids are looked up whole, and a hash is half as large.
CREATE INDEX audit_event_client_request ON audit_event USING hash (client_request_id);
CREATE INDEX audit_event_request ON audit_event USING hash (lower(request_id));

-- By run first: what an import writes stays together, and a search asks run by run which have any.
CREATE INDEX status_update_user ON status_update ((run + 0), lower(user_principal_name) COLLATE "C") WHERE user_principal_name IS NOT NULL;
CREATE INDEX status_update_status_id ON status_update USING hash (lower(user_status_id));
CREATE INDEX status_update_place ON status_update (route, (run + 0), lower(device_configuration_id) COLLATE "C");

-- The name of an event: the row, and of what tells the row's events apart so much that no two are the same.
CREATE FUNCTION event_id(of_run bigint, of_row integer, recorded_at timestamptz, outcome text, client_request_id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT of_run || '-' || of_row || '-' || left(encode(sha256(
        ((extract(epoch FROM recorded_at) * 1000000)::bigint || ' ' || outcome || ' ' || coalesce(client_request_id::text, ''))::bytea
    ), 'hex'), 8)
$$;
COMMENT ON FUNCTION event_id IS 'The name of an event, as audit event takes it.';

-- For people with psql and for reporting. What stands here stays: columns may be added at the end. Outcomes and names are
-- compared as they are in the indexes.

-- It may be left from tables that somebody dropped to begin anew; the views went with those.
CREATE SCHEMA IF NOT EXISTS audit;

CREATE VIEW audit.runs AS
SELECT r.id AS run, r.kind, r.name, r.actor, r.tenant, r.priority, r.state, r.reason, r.created_at, r.finished_at,
       r.source ->> 'file' AS file, r.source ->> 'sha256' AS sha256, r.source, r.options,
       c.rows, c.settled, CASE r.state WHEN 'cancelled' THEN 0 ELSE c.rows - c.settled END AS open,
       CASE r.state WHEN 'cancelled' THEN c.rows - c.settled ELSE 0 END AS cancelled,
       c.applied, c.rejected, c.failed, c.unchanged, c.superseded, c.moved, c.missing,
       c.observed, c.throttled, c.unauthorized, c.refused, c.transient, c.unknown, c.late, c.requests, c.progress_at
FROM run r JOIN run_count c ON c.run = r.id;
COMMENT ON VIEW audit.runs IS 'Each run, and how far it has come.';

CREATE VIEW audit.rows AS
SELECT u.run, u.row, u.line, r.tenant, r.name AS run_name, r.actor, r.created_at, u.target, u.route, u.device_configuration_id, u.certificate_id,
       u.user_status_id, u.user_principal_name,
       (SELECT jsonb_object_agg(name, value)
        FROM (VALUES (1, 'userDisplayName', to_jsonb(u.user_display_name)), (2, 'devicesCount', to_jsonb(u.devices_count)),
                     (4, 'status', to_jsonb(u.status)), (8, 'lastReportedDateTime', to_jsonb(u.last_reported_date_time)),
                     (16, 'userPrincipalName', to_jsonb(u.user_principal_name))) p (bit, name, value)
        WHERE u.asks & bit > 0) AS wanted,
       coalesce(f.outcome, CASE r.state WHEN 'cancelled' THEN 'cancelled' ELSE 'open' END) AS outcome,
       f.status AS http_status, f.error, f.recorded_at AS settled_at,
       CASE WHEN f.row > 0 THEN event_id(f.run, f.row, f.recorded_at, f.outcome, f.client_request_id) END AS event
FROM status_update u JOIN run r ON r.id = u.run
LEFT JOIN audit_event f ON f.run = u.run AND f.row = u.row AND f.final;
COMMENT ON VIEW audit.rows IS 'Each row of a run: what it asks for, and what became of it.';

CREATE VIEW audit.events AS
SELECT event_id(e.run, e.row, e.recorded_at, e.outcome, e.client_request_id) AS event, e.run, e.row, r.tenant,
       e.outcome COLLATE "C" AS outcome, e.final, e.spared, e.status AS http_status,
       lower(left(split_part(e.error, ':', 1), 64)) COLLATE "C" AS error_code, e.error, e.recorded_at, e.sent_at,
       e.elapsed_us / 1000.0 AS elapsed_ms, e.method, e.url, e.client_request_id, e.request_id, e.worker COLLATE "C" AS worker, e.actor,
       u.route, u.device_configuration_id, u.certificate_id, u.user_status_id, u.user_principal_name,
       e.request_body, e.response_headers, e.response_body, e.body_cut
FROM audit_event e JOIN run r ON r.id = e.run
LEFT JOIN status_update u ON u.run = e.run AND u.row = e.row;
COMMENT ON VIEW audit.events IS 'Each event: every request with its answer, and what happened to runs.';
