-- What keeps strangers out and bills small: trunks that prove who they are, limits on calls out, banned addresses.

-- What a trunk's calls prove themselves with, wherever they come from; '': they come from its addresses alone.
ALTER TABLE trunks ADD COLUMN login text NOT NULL DEFAULT '' CHECK (login ~ '^[A-Za-z0-9._+~*-]{0,63}$');
CREATE UNIQUE INDEX trunks_one_login ON trunks (login) WHERE login <> '';

-- What a domain may call outside. Prefixes beyond the country's own numbers: "+44", "+" (all countries), "1900".
ALTER TABLE domains
  ADD COLUMN destinations     text[] NOT NULL DEFAULT '{}',
  ADD COLUMN calls_per_minute integer DEFAULT 120 CHECK (calls_per_minute > 0),   -- NULL: no limit
  ADD COLUMN minutes_per_day  integer CHECK (minutes_per_day > 0),
  ADD COLUMN frozen_until     timestamptz,                                        -- it calls nobody outside until then
  ADD COLUMN frozen_why       text NOT NULL DEFAULT '';
ALTER TABLE extensions
  ADD COLUMN frozen_until     timestamptz,
  ADD COLUMN frozen_why       text NOT NULL DEFAULT '';

DROP TRIGGER domains_changed ON domains;
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone, country_code, call_id_mode, recording, recording_days, max_calls,
  destinations, calls_per_minute, minutes_per_day, frozen_until ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- Addresses that the switch does not listen to, after too many wrong passwords. The operator's: they belong to no domain.
CREATE TABLE bans (
  address    inet PRIMARY KEY,
  why        text NOT NULL,
  banned_at  timestamptz NOT NULL DEFAULT now(),
  until      timestamptz NOT NULL,
  lifted_at  timestamptz                                                          -- over; kept for a while, for a switch that was not told
);
CREATE FUNCTION notify_bans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('bans', '');
  RETURN NULL;
END $$;
CREATE TRIGGER bans_changed AFTER INSERT OR UPDATE OR DELETE ON bans FOR EACH ROW EXECUTE FUNCTION notify_bans();
