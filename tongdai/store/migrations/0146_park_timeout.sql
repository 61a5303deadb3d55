-- How long a parked party waits before it comes back to the extension that has parked it.

ALTER TABLE domains ADD park_timeout_s integer NOT NULL DEFAULT 120
  CHECK (park_timeout_s BETWEEN 10 AND 3600);
GRANT UPDATE (park_timeout_s) ON domains TO tongdai_tenant;
CREATE TRIGGER domains_park_timeout_changed AFTER UPDATE OF park_timeout_s ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
