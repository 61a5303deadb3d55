-- Each domain lives on one node: that node's switch holds its devices and trunks, and carries its calls.
ALTER TABLE domains ADD COLUMN node text NOT NULL DEFAULT 'switch-1' CHECK (node ~ '^[a-z0-9][a-z0-9-]{0,62}$');
CREATE INDEX domains_node ON domains (node);

DROP TRIGGER domains_changed ON domains;
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone, country_code, call_id_mode, recording, recording_days, max_calls,
  destinations, calls_per_minute, minutes_per_day, frozen_until, node ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- The payload of `commands` begins with the node that has to carry the command out.
CREATE OR REPLACE FUNCTION notify_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'asked' THEN
    PERFORM pg_notify('commands', node || '/' || NEW.domain_uuid || '/' || NEW.command_uuid)
    FROM domains WHERE domain_uuid = NEW.domain_uuid;
  ELSIF NEW.state = 'done' THEN PERFORM pg_notify('outcomes', NEW.domain_uuid || '/' || NEW.command_uuid);
  END IF;
  RETURN NULL;
END $$;
