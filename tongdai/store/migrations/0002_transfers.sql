-- Transfers: who may make them, what they cost, and the parties that they bring into a call.

ALTER TABLE trunks
  ADD COLUMN transfers boolean NOT NULL DEFAULT false;  -- the parties behind it may transfer (REFER)
GRANT SELECT (transfers) ON trunks TO tongdai_tenant;

-- Seconds of talk by all legs that we placed on trunks: minutes a day count them.
ALTER TABLE cdrs ADD COLUMN seconds_out integer NOT NULL DEFAULT 0 CHECK (seconds_out >= 0);
UPDATE cdrs SET seconds_out = billsec WHERE direction = 3;

-- Parties of a call besides those in its own columns (tongdai.pbx.cdr.Participant); the filters of
-- extension and phone find them by number: an extension, or the canonical form of a number outside.
ALTER TABLE cdrs ADD COLUMN participants jsonb NOT NULL DEFAULT '[]';

CREATE TABLE cdr_participants (
  domain_uuid   uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  number        text NOT NULL,
  time_started  timestamptz NOT NULL,        -- of the record
  cdr_uuid      uuid NOT NULL
);
CREATE INDEX cdr_participants_number ON cdr_participants (domain_uuid, number, time_started);
ALTER TABLE cdr_participants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON cdr_participants TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT ON cdr_participants TO tongdai_tenant;
