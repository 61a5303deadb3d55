-- A node learns which of the objects that its switch holds have changed: `objects` says NODE/KIND/DOMAIN_UUID/ID, with
-- the kinds `extension` (ID is its number), `trunk` (its UUID) and `domain` (no ID: anything of it may have changed).
CREATE FUNCTION notify_object(domain uuid, kind text, id text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('objects', node || '/' || kind || '/' || domain_uuid || '/' || id) FROM domains WHERE domain_uuid = domain;
$$;

CREATE FUNCTION notify_extension_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM notify_object(COALESCE(NEW.domain_uuid, OLD.domain_uuid), 'extension', COALESCE(NEW.extension, OLD.extension));
  RETURN NULL;
END $$;
CREATE TRIGGER devices_object AFTER INSERT OR UPDATE OR DELETE ON devices FOR EACH ROW EXECUTE FUNCTION notify_extension_object();
CREATE TRIGGER extensions_object AFTER UPDATE OF enabled ON extensions FOR EACH ROW EXECUTE FUNCTION notify_extension_object();

-- Calls ring all devices of an extension: which there are belongs to the domain's directory.
CREATE TRIGGER devices_changed AFTER INSERT OR DELETE ON devices FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- A trunk is held by its domain's node, and by those of domains whose hotlines use it.
CREATE FUNCTION notify_trunk_object(domain uuid, trunk uuid) RETURNS void LANGUAGE sql AS $$
  SELECT notify_object(domain_uuid, 'trunk', trunk::text)
  FROM (SELECT domain AS domain_uuid UNION SELECT domain_uuid FROM hotlines WHERE trunk_uuid = trunk) AS affected;
$$;
CREATE FUNCTION notify_trunk_objects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM notify_trunk_object(OLD.domain_uuid, OLD.trunk_uuid); END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM notify_trunk_object(NEW.domain_uuid, NEW.trunk_uuid); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER trunks_object AFTER INSERT OR UPDATE OR DELETE ON trunks FOR EACH ROW EXECUTE FUNCTION notify_trunk_objects();
CREATE TRIGGER hotlines_object AFTER INSERT OR DELETE OR UPDATE OF trunk_uuid ON hotlines FOR EACH ROW EXECUTE FUNCTION notify_trunk_objects();

CREATE FUNCTION notify_domain_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM pg_notify('objects', OLD.node || '/domain/' || OLD.domain_uuid || '/'); END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM pg_notify('objects', NEW.node || '/domain/' || NEW.domain_uuid || '/');
    PERFORM notify_trunk_object(domain_uuid, trunk_uuid) FROM trunks WHERE domain_uuid = NEW.domain_uuid AND shared;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER domains_object AFTER INSERT OR DELETE OR UPDATE OF enabled, node ON domains FOR EACH ROW EXECUTE FUNCTION notify_domain_object();
