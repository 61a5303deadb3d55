-- Phones: encrypted audio on wish, a second spelling of the user name in the digest, names on
-- displays.

ALTER TABLE devices
  -- no call without encrypted audio (SRTP)
  ADD COLUMN srtp_required       boolean NOT NULL DEFAULT false,
  -- HA1 as above, for phones whose user name is 101@domain; '': the password is older
  ADD COLUMN digest_md5_full     text NOT NULL DEFAULT '',
  ADD COLUMN digest_sha256_full  text NOT NULL DEFAULT '';
GRANT SELECT (srtp_required) ON devices TO tongdai_tenant;
GRANT UPDATE (srtp_required, digest_md5_full, digest_sha256_full) ON devices TO tongdai_tenant;

-- Displays of colleagues show the name of an extension: the switch holds it.
CREATE TRIGGER extensions_name_object AFTER UPDATE OF name ON extensions
  FOR EACH ROW EXECUTE FUNCTION notify_extension_object();

ALTER TABLE domains
  -- click-to-call shows the extension whom it will call, instead of its own number
  ADD COLUMN click2call_shows_callee  boolean NOT NULL DEFAULT false;
CREATE TRIGGER domains_phones_changed AFTER UPDATE OF click2call_shows_callee ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
