-- The settings of a new domain, user, extension, trunk, hotline, ring group or queue stand in tongdai.pbx.directory and
-- tongdai.admin alone. What no setting is keeps its default.
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND column_default IS NOT NULL
      AND table_name IN ('domains', 'users', 'extensions', 'trunks', 'hotlines', 'ring_groups', 'queues')
      AND column_name NOT IN ('created_at', 'event_seq', 'kind', 'next_member', 'api_key_version')
      AND column_name NOT LIKE '%\_why'
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP DEFAULT', one.table_name, one.column_name);
  END LOOP;
END $$;
