-- How long a domain's data stays, in days, besides recording_days. NULL: call records for ever,
-- events and the audit log as long as the settings of the installation say.
ALTER TABLE domains
  ADD COLUMN cdr_days    integer CHECK (cdr_days > 0),
  ADD COLUMN event_days  integer CHECK (event_days >= 7),       -- deliveries take three days
  ADD COLUMN audit_days  integer CHECK (audit_days > 0);

-- What belongs to a record goes with it. Ids of calls hold the time, so these indexes grow at
-- their end alone.
CREATE INDEX cdr_ids_cdr ON cdr_ids (domain_uuid, cdr_uuid);
CREATE INDEX cdr_sip_call_ids_cdr ON cdr_sip_call_ids (domain_uuid, cdr_uuid);
CREATE INDEX cdr_participants_cdr ON cdr_participants (domain_uuid, cdr_uuid);
