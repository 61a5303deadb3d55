-- The second wall between tenants. The API works as tongdai_tenant, which nobody can log in as: it may do what is granted
-- below, to rows of the domain that the setting tongdai.domain names. Engine and dispatcher serve all domains: as the
-- owner of the tables, policies do not bind them.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tongdai_tenant') THEN
    CREATE ROLE tongdai_tenant NOLOGIN;
  END IF;
  BEGIN
    SET LOCAL ROLE tongdai_tenant;
    RESET ROLE;
  EXCEPTION WHEN insufficient_privilege THEN
    GRANT tongdai_tenant TO CURRENT_USER;
  END;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING MESSAGE = format(
    'The database role %1$I may not make the role that keeps tenants apart. An administrator must do it once: '
    'CREATE ROLE tongdai_tenant NOLOGIN; GRANT tongdai_tenant TO %1$I;', current_user);
END $$;

DO $$
DECLARE
  name text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO tongdai_tenant', current_schema());
  FOR name IN  -- a partition is guarded by its table, and reached only through it
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND attname = 'domain_uuid' AND NOT attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I TO tongdai_tenant '
      'USING (domain_uuid = nullif(current_setting(''tongdai.domain'', true), '''')::uuid)', name);
  END LOOP;
END $$;

-- What the API does itself. It asks the engine for the rest.
GRANT SELECT (domain_uuid, call_uuid, started_at, over_at, owes) ON calls TO tongdai_tenant;
GRANT SELECT ON domains, hotlines, ring_groups, queues, cdrs, cdr_ids, cdr_days TO tongdai_tenant;
GRANT SELECT (domain_uuid, user_uuid, username, level, enabled) ON users TO tongdai_tenant;
GRANT SELECT (domain_uuid, extension, name, enabled, recording, hotline, max_calls, ring_timeout_s, frozen_until) ON extensions TO tongdai_tenant;
GRANT SELECT (domain_uuid, trunk_uuid, name, enabled, number_format, max_calls) ON trunks TO tongdai_tenant;
GRANT SELECT, INSERT, DELETE ON subscriptions, commands TO tongdai_tenant;
GRANT UPDATE ON subscriptions TO tongdai_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries TO tongdai_tenant;
GRANT SELECT ON attempts TO tongdai_tenant;
GRANT SELECT, INSERT ON events TO tongdai_tenant;                -- samples
GRANT UPDATE (recording_status) ON cdrs TO tongdai_tenant;
GRANT UPDATE (event_seq) ON domains TO tongdai_tenant;
