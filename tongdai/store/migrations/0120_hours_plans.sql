-- Opening hours: weekly plans and holidays in the time zone of the domain, and where a hotline's
-- calls go while its plan is closed.

CREATE TABLE hours_plans (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  name            text NOT NULL,
  weekly          text[] NOT NULL,           -- "mon-fri 08:00-17:30" (tongdai/pbx/hours.py)
  holidays        text[] NOT NULL,           -- "09-02", "2027-02-05/2027-02-11"
  override        text NOT NULL DEFAULT '' CHECK (override IN ('', 'open', 'closed')),
  override_until  timestamptz,               -- NULL: until it is changed
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, name)
);
ALTER TABLE hours_plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON hours_plans TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON hours_plans TO tongdai_tenant;
CREATE TRIGGER hours_plans_changed AFTER INSERT OR UPDATE OR DELETE ON hours_plans
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON hours_plans FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('hours_plan', 'name', '');

ALTER TABLE hotlines
  ADD COLUMN hours               text,                          -- its plan; NULL: always open
  ADD COLUMN closed_destination  text NOT NULL DEFAULT '',      -- dialable, or outside; '': none
  ADD COLUMN closed_cause        text NOT NULL DEFAULT 'unavailable'
    CHECK (closed_cause IN ('unavailable', 'busy', 'rejected', 'unallocated')),
  ADD FOREIGN KEY (domain_uuid, hours) REFERENCES hours_plans (domain_uuid, name);
GRANT UPDATE (hours, closed_destination, closed_cause) ON hotlines TO tongdai_tenant;

-- The decisions that led a call elsewhere than to the first destination of its number.
ALTER TABLE cdrs ADD COLUMN routed_by text[] NOT NULL DEFAULT '{}';
