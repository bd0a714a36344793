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

CREATE INDEX status_update_user ON status_update (lower(user_principal_name) COLLATE "C") WHERE user_principal_name IS NOT NULL;
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
