-- Database roles. Who works or imports makes the months to come, and making a partition takes the owner: it is done in the
-- owner's name, and nothing about it is the caller's choice. What each role may do stands in rights/.

CREATE OR REPLACE FUNCTION make_month(month integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part   text;
    may    regrole;
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

-- The path is fixed, otherwise a caller could have the owner run what lies on his own.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION make_months() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END
$$;
