-- Feature codes: what a domain's extensions dial for a feature, where that is not the default
-- (tongdai/pbx/feature_codes.py).

ALTER TABLE domains ADD feature_codes text[] NOT NULL DEFAULT '{}';  -- "pickup=*6"; "pickup=": none
GRANT UPDATE (feature_codes) ON domains TO tongdai_tenant;
CREATE TRIGGER domains_feature_codes_changed AFTER UPDATE OF feature_codes ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
