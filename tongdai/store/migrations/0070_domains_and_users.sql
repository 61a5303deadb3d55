-- Domains and users by the API: the administrators of a domain change its settings, not its limits,
-- and its users. The role writes hashes of passwords, and reads none.

GRANT UPDATE (recording, recording_days, call_id_mode, ringing_hangups, click2call_shows_callee)
  ON domains TO tongdai_tenant;
GRANT INSERT, DELETE ON users TO tongdai_tenant;
GRANT UPDATE (level, enabled, password_hash) ON users TO tongdai_tenant;
