-- Searches of call records that somebody saved, by name: those of one account are nobody else's.
CREATE TABLE saved_searches (
  domain_uuid  uuid NOT NULL REFERENCES domains,
  -- of a user, or an operator who looked at the domain
  account_uuid uuid NOT NULL,
  name         text NOT NULL,
  query        text NOT NULL,   -- as in the address: status=BUSY&phone=0900000001
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, account_uuid, name)
);

ALTER TABLE saved_searches ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON saved_searches TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_searches TO tongdai_tenant;

-- They go with the account.
CREATE FUNCTION delete_saved_searches() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_TABLE_NAME = 'users' THEN
    DELETE FROM saved_searches
    WHERE domain_uuid = OLD.domain_uuid AND account_uuid = OLD.user_uuid;
  ELSE
    DELETE FROM saved_searches WHERE account_uuid = OLD.operator_uuid;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER saved_searches_go AFTER DELETE ON users FOR EACH ROW
  EXECUTE FUNCTION delete_saved_searches();
CREATE TRIGGER saved_searches_go AFTER DELETE ON operators FOR EACH ROW
  EXECUTE FUNCTION delete_saved_searches();
