-- Work on a whole domain is done in batches, and goes on after a crash: its deletion, and the
-- recount of its days.
ALTER TABLE domains
  -- The domain is being deleted since then: it is disabled, and stays so.
  ADD COLUMN deleting_since timestamptz CHECK (deleting_since IS NULL OR NOT enabled),
  -- A digest of the rules of its time zone by which `cdr_days` is counted (store/local_days.py);
  -- '': unknown. The rules change with the package tzdata.
  ADD COLUMN zone_rules text NOT NULL DEFAULT '';

-- Housekeeping: old commands.
CREATE INDEX commands_created ON commands (created_at);

-- The endpoints of a domain that are no subscription's: re-sends go there.
CREATE INDEX deliveries_elsewhere ON deliveries (domain_uuid, endpoint)
  WHERE callback_url IS NOT NULL;
