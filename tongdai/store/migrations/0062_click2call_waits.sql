-- A switch for clients of the 2023 documents, whose click-to-call answers when the agent has.
ALTER TABLE domains ADD COLUMN click2call_waits boolean NOT NULL DEFAULT false;
GRANT UPDATE (click2call_waits) ON domains TO tongdai_tenant;
CREATE TRIGGER domains_click2call_changed AFTER UPDATE OF click2call_waits ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
