-- Engines read a domain again when one of these changes: every field of pbx.directory.Domain but
-- its name, which does not, and the reason of a suspension, which changes with its end.
DROP TRIGGER domains_changed ON domains;
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone,
  country_code, region, call_id_mode, recording, recording_days, max_calls, destinations,
  calls_per_minute, minutes_per_day, suspended_until, node, ringing_hangups, webrtc ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
