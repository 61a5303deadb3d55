-- Browsers may register as an extension by the API, too, whose role reads no digests: the device
-- `webrtc` gets those of the default device.

CREATE FUNCTION allow_browsers(domain uuid, wanted text) RETURNS void LANGUAGE sql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
  INSERT INTO devices (domain_uuid, extension, name, kind, digest_md5,
                       digest_sha256, digest_md5_full, digest_sha256_full)
  SELECT domain_uuid, extension, 'webrtc', 'browser', digest_md5, digest_sha256,
         digest_md5_full, digest_sha256_full FROM devices
  WHERE domain_uuid = domain AND extension = COALESCE(wanted, extension) AND name = 'default'
    AND kind = 'sip' AND COALESCE(NULLIF(current_setting('tongdai.domain', true), ''),
                                  domain::text) = domain::text
  ON CONFLICT DO NOTHING
$$;
