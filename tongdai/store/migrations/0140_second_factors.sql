-- Second factors of accounts: one-time codes of an authenticator app (TOTP, RFC 6238), and recovery
-- codes for whoever loses it.
CREATE TABLE second_factors (
  -- NULL: of an operator of the installation
  domain_uuid       uuid,
  user_uuid         uuid,
  operator_uuid     uuid UNIQUE REFERENCES operators ON DELETE CASCADE,
  secret_encrypted  bytea NOT NULL,
  last_step         bigint NOT NULL,   -- of the code that was taken last: none is taken twice
  recovery_digests  bytea[] NOT NULL,  -- of the recovery codes that are left
  created_at        timestamptz NOT NULL DEFAULT now(),
  UNIQUE (domain_uuid, user_uuid),
  FOREIGN KEY (domain_uuid, user_uuid) REFERENCES users ON DELETE CASCADE,
  CHECK (num_nonnulls(user_uuid, operator_uuid) = 1 AND
         (domain_uuid IS NULL) = (user_uuid IS NULL))
);

ALTER TABLE second_factors ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON second_factors TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT DELETE, SELECT (domain_uuid, user_uuid, operator_uuid, created_at)
  ON second_factors TO tongdai_tenant;

-- The audit log has it by the account's name. One that goes with its account is told by that.
CREATE FUNCTION write_audit_log_of_second_factor() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  factor  second_factors := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  SELECT factor.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
         coalesce(current_setting('tongdai.address', true), ''),
         CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'delete' END, 'second_factor', username
  FROM (SELECT username FROM users
        WHERE (domain_uuid, user_uuid) = (factor.domain_uuid, factor.user_uuid)
        UNION ALL
        SELECT username FROM operators WHERE operator_uuid = factor.operator_uuid) AS account;
  RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR DELETE ON second_factors FOR EACH ROW
  EXECUTE FUNCTION write_audit_log_of_second_factor();
