-- Call barring by its words, and the region whose numbering plan a domain's numbers follow.

ALTER TABLE domains RENAME COLUMN frozen_until TO suspended_until;  -- calls out are suspended until then
ALTER TABLE domains RENAME COLUMN frozen_why TO suspended_why;
ALTER TABLE extensions RENAME COLUMN frozen_until TO suspended_until;
ALTER TABLE extensions RENAME COLUMN frozen_why TO suspended_why;

-- ISO 3166-1 alpha-2; '': the main region of the country code (US of 1).
ALTER TABLE domains ADD COLUMN region text NOT NULL DEFAULT '' CHECK (region ~ '^([A-Z]{2})?$');

DROP TRIGGER domains_changed ON domains;
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone, country_code, region, call_id_mode, recording,
  recording_days, max_calls, destinations, calls_per_minute, minutes_per_day, suspended_until, node ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
