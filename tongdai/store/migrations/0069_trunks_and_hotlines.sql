-- Trunks and hotlines by the API. Operators change them, as the owner of the tables; the
-- administrators of a domain see their own trunks without passwords, and route their hotlines.

GRANT SELECT (username, auth_username, auth, host, transport, addresses, from_user, from_domain,
  shared, called_number_in, qualify, created_at) ON trunks TO tongdai_tenant;
GRANT SELECT ON trunk_registrations TO tongdai_tenant;
GRANT UPDATE (destination, is_default, enabled) ON hotlines TO tongdai_tenant;

-- The name of a trunk for hotlines of a domain, by which the domain finds it again: its UUID where
-- another trunk has the name too. A shared trunk of another domain has a name here and nothing else.
CREATE FUNCTION trunk_name(domain uuid, trunk uuid) RETURNS text LANGUAGE sql STABLE
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT CASE
    WHEN domain_uuid = domain THEN name
    WHEN NOT shared OR EXISTS (
      SELECT FROM trunks AS other
      WHERE other.name = known.name AND other.trunk_uuid <> trunk
        AND (other.domain_uuid = domain OR other.shared)) THEN trunk::text
    ELSE name END
  FROM trunks AS known WHERE trunk_uuid = trunk
$$;
