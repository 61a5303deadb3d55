--
-- PostgreSQL database dump
--

\restrict L3sSeyM8i94zZvFkCRy1mBDRUwSVmk1ughniOnY10oZNcemRSkVakq7AcWbk6CX

-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: add_partition(text, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.add_partition(parent text, day date) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
  partition text := parent || to_char(day, '_YYYYMMDD');
  first timestamptz := day::timestamp AT TIME ZONE 'UTC';
  last timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  at text := (SELECT attname FROM pg_partitioned_table
              JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
              WHERE partrelid = parent::regclass);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('partitions'));
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '500ms', true);
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
  EXECUTE format('WITH late AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2 RETURNING *) '
                 'INSERT INTO %I SELECT * FROM late',
                 parent || '_default', at, partition) USING first, last;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 parent, partition, first, last);
EXCEPTION WHEN lock_not_available THEN
  NULL;
END $_$;


--
-- Name: allow_browsers(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.allow_browsers(domain uuid, wanted text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
  INSERT INTO devices (domain_uuid, extension, name, kind, digest_md5,
                       digest_sha256, digest_md5_full, digest_sha256_full)
  SELECT domain_uuid, extension, 'webrtc', 'browser', digest_md5, digest_sha256,
         digest_md5_full, digest_sha256_full FROM devices
  WHERE domain_uuid = domain AND extension = COALESCE(wanted, extension) AND name = 'default'
    AND kind = 'sip' AND COALESCE(NULLIF(current_setting('tongdai.domain', true), ''),
                                  domain::text) = domain::text
  ON CONFLICT DO NOTHING
$$;


--
-- Name: is_secret(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_secret(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (name ~ '_(encrypted|hash|digest)$|^digest_'::text);


--
-- Name: audited(jsonb, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audited(fields jsonb, changed text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN (SELECT COALESCE(jsonb_object_agg(jsonb_each.key, CASE WHEN (public.is_secret(jsonb_each.key) AND (jsonb_each.value <> 'null'::jsonb)) THEN '"***"'::jsonb ELSE jsonb_each.value END), '{}'::jsonb) AS "coalesce" FROM jsonb_each(audited.fields) jsonb_each(key, value) WHERE (jsonb_each.key = ANY (audited.changed)));


--
-- Name: host_alone(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.host_alone(host text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
  SELECT lower(trim(BOTH '[]' FROM CASE WHEN host ~ '^([^:]+|\[.*\]):[0-9]+$'
                                        THEN regexp_replace(host, ':[0-9]+$', '') ELSE host END))
$_$;


--
-- Name: carrier_key(text, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.carrier_key(host text, addresses text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN md5(COALESCE((SELECT string_agg(address.address, ','::text ORDER BY address.address) AS string_agg FROM unnest(carrier_key.addresses) address(address)), public.host_alone(host)));


--
-- Name: count_password_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.count_password_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.password_changes := OLD.password_changes + 1;
  RETURN NEW;
END $$;


--
-- Name: delete_saved_searches(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.delete_saved_searches() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
  IF TG_TABLE_NAME = 'users' THEN
    DELETE FROM saved_searches
    WHERE domain_uuid = OLD.domain_uuid AND account_uuid = OLD.user_uuid;
  ELSE
    DELETE FROM saved_searches WHERE account_uuid = OLD.operator_uuid;
  END IF;
  RETURN NULL;
END $$;


--
-- Name: drop_partitions(text, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drop_partitions(parent text, before date) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
DECLARE
  old text;
  dropped integer := 0;
  at text := (SELECT attname FROM pg_partitioned_table
              JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
              WHERE partrelid = parent::regclass);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('partitions'));
  PERFORM set_config('lock_timeout', '500ms', true);
  FOR old IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
             WHERE inhparent = parent::regclass AND relname ~ '_[0-9]{8}$'
               AND to_date(right(relname, 8), 'YYYYMMDD') < before
             ORDER BY relname LOOP
    EXECUTE format('DROP TABLE %I', old);
    dropped := dropped + 1;
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE %I < $1', parent || '_default', at)
    USING before::timestamp AT TIME ZONE 'UTC';
  RETURN dropped;
EXCEPTION WHEN lock_not_available THEN
  RETURN 0;
END $_$;


--
-- Name: end_sessions(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.end_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
  IF TG_TABLE_NAME = 'users' THEN
    DELETE FROM sessions WHERE domain_uuid = OLD.domain_uuid AND user_uuid = OLD.user_uuid;
  ELSE
    DELETE FROM sessions WHERE operator_uuid = OLD.operator_uuid;
  END IF;
  RETURN NULL;
END $$;


--
-- Name: notify_bans(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_bans() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM pg_notify('bans', '');
  RETURN NULL;
END $$;


--
-- Name: notify_caller(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_caller() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
DECLARE
  own callers := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF own.caller !~ '^[0-9]+$' OR TG_OP = 'INSERT' AND NOT EXISTS (
    SELECT FROM callers
    WHERE domain_uuid = own.domain_uuid AND caller <> own.caller AND caller ~ '^[0-9]+$'
  ) THEN
    PERFORM pg_notify('directory', own.domain_uuid::text);
  END IF;
  RETURN NULL;
END $_$;


--
-- Name: notify_command(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_command() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NEW.state = 'asked' THEN
    PERFORM pg_notify('commands', node || '/' || NEW.domain_uuid || '/' || NEW.command_uuid)
    FROM domains WHERE domain_uuid = NEW.domain_uuid;
  ELSIF NEW.state = 'done' THEN
    PERFORM pg_notify('outcomes', NEW.domain_uuid || '/' || NEW.command_uuid);
  END IF;
  RETURN NULL;
END $$;


--
-- Name: notify_directory(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_directory() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM pg_notify('directory', COALESCE(NEW.domain_uuid, OLD.domain_uuid)::text);
  RETURN NULL;
END $$;


--
-- Name: notify_domain_object(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_domain_object() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM pg_notify('objects', OLD.node || '/domain/' || OLD.domain_uuid || '/');
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM pg_notify('objects', NEW.node || '/domain/' || NEW.domain_uuid || '/');
    PERFORM notify_trunk_object(domain_uuid, trunk_uuid) FROM trunks
    WHERE domain_uuid = NEW.domain_uuid AND shared;
  END IF;
  RETURN NULL;
END $$;


--
-- Name: notify_extension_object(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_extension_object() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM notify_object(COALESCE(NEW.domain_uuid, OLD.domain_uuid), 'extension',
                        COALESCE(NEW.extension, OLD.extension));
  RETURN NULL;
END $$;


--
-- Name: notify_further_trunks(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_further_trunks() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM notify_trunk_object(COALESCE(NEW.domain_uuid, OLD.domain_uuid), trunk)
  FROM unnest(COALESCE(OLD.further_trunks, '{}') || COALESCE(NEW.further_trunks, '{}')) AS trunk;
  RETURN NULL;
END $$;


--
-- Name: notify_object(uuid, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_object(domain uuid, kind text, id text) RETURNS void
    LANGUAGE sql
    AS $$
  SELECT pg_notify('objects', node || '/' || kind || '/' || domain_uuid || '/' || id)
  FROM domains WHERE domain_uuid = domain;
$$;


--
-- Name: notify_prompts(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_prompts() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM pg_notify('prompts', '');
  RETURN NULL;
END $$;


--
-- Name: notify_trunk(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_trunk() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM pg_notify('directory', domain_uuid::text) FROM (
    SELECT COALESCE(NEW.domain_uuid, OLD.domain_uuid) AS domain_uuid
    UNION SELECT domain_uuid FROM hotlines
          WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)
            OR further_trunks @> ARRAY[COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)]) AS affected;
  RETURN NULL;
END $$;


--
-- Name: notify_trunk_object(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_trunk_object(domain uuid, trunk uuid) RETURNS void
    LANGUAGE sql
    AS $$
  SELECT notify_object(domain_uuid, 'trunk', trunk::text)
  FROM (SELECT domain AS domain_uuid
        UNION SELECT domain_uuid FROM hotlines
              WHERE trunk_uuid = trunk OR further_trunks @> ARRAY[trunk]) AS affected;
$$;


--
-- Name: notify_trunk_objects(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.notify_trunk_objects() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM notify_trunk_object(OLD.domain_uuid, OLD.trunk_uuid); END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM notify_trunk_object(NEW.domain_uuid, NEW.trunk_uuid); END IF;
  RETURN NULL;
END $$;


--
-- Name: trunk_name(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.trunk_name(domain uuid, trunk uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
  SELECT CASE
    WHEN domain_uuid = domain THEN name
    WHEN NOT shared OR EXISTS (
      SELECT FROM trunks AS other
      WHERE other.name = known.name AND other.trunk_uuid <> trunk
        AND (other.domain_uuid = domain OR other.shared)) THEN trunk::text
    ELSE name END
  FROM trunks AS known WHERE trunk_uuid = trunk
$$;


--
-- Name: write_audit_log(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
  own      text[] := string_to_array(TG_ARGV[2], ' ') || '{domain_uuid,created_at}'::text[];
  was      jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) - own END;
  is_now   jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) - own END;
  thing    jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
  domain   uuid := (thing ->> 'domain_uuid')::uuid;
  changed  text[];
BEGIN
  SELECT coalesce(array_agg(key), '{}') INTO changed
  FROM jsonb_object_keys(was || is_now) AS key WHERE was -> key IS DISTINCT FROM is_now -> key;
  -- What is deleted with its domain is not told one by one.
  IF changed = '{}' OR TG_OP = 'DELETE' AND domain IS NOT NULL AND NOT EXISTS (
    SELECT FROM domains WHERE domain_uuid = domain AND deleting_since IS NULL
  ) THEN
    RETURN NULL;
  END IF;
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, before, after)
  VALUES (
    domain,
    coalesce(current_setting('tongdai.actor', true), ''),
    coalesce(current_setting('tongdai.address', true), ''),
    CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END,
    TG_ARGV[0],
    (SELECT string_agg(thing ->> one, ' ' ORDER BY place)
     FROM unnest(string_to_array(TG_ARGV[1], ' ')) WITH ORDINALITY AS named (one, place)),
    audited(was, changed), audited(is_now, changed));
  RETURN NULL;
END $$;


--
-- Name: write_audit_log_of_command(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log_of_command() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'delete',
          CASE NEW.name WHEN 'hangup' THEN 'call' ELSE 'phone' END,
          CASE NEW.name WHEN 'hangup' THEN body ->> 'call_uuid'
          ELSE concat_ws('@', body ->> 'extension', nullif(body ->> 'address', '')) END);
  RETURN NULL;
END $$;


--
-- Name: write_audit_log_of_control(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log_of_control() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, after)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'update', 'call',
          body ->> 'call_uuid',
          body - 'call_uuid' - 'type' - 'digits' || jsonb_build_object('command', NEW.name));
  RETURN NULL;
END $$;


--
-- Name: write_audit_log_of_deletion(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log_of_deletion() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
  UPDATE audit_log SET before = NULL, after = NULL
  WHERE domain_uuid = OLD.domain_uuid AND (before IS NOT NULL OR after IS NOT NULL);
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  VALUES (OLD.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'delete', 'domain', OLD.name);
  RETURN NULL;
END $$;


--
-- Name: write_audit_log_of_second_factor(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log_of_second_factor() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
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


--
-- Name: write_audit_log_of_trunk_trial(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit_log_of_trunk_trial() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, after)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'update', 'trunk',
          body ->> 'trunk', jsonb_build_object('test_call', body ->> 'number'));
  RETURN NULL;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    domain_uuid uuid NOT NULL,
    api_key_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    name text NOT NULL,
    key_digest bytea NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    scopes text[],
    token_life_s bigint,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT api_keys_token_life_s_check CHECK ((token_life_s > 0))
);


--
-- Name: attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts (
    domain_uuid uuid NOT NULL,
    subscription_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempt integer NOT NULL,
    status integer DEFAULT 0 NOT NULL,
    latency_ms integer NOT NULL,
    state text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
)
PARTITION BY RANGE (at);


--
-- Name: attempts_20261201; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts_20261201 (
    domain_uuid uuid CONSTRAINT attempts_domain_uuid_not_null NOT NULL,
    subscription_uuid uuid CONSTRAINT attempts_subscription_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT attempts_seq_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT attempts_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT attempts_created_at_not_null NOT NULL,
    attempt integer CONSTRAINT attempts_attempt_not_null NOT NULL,
    status integer DEFAULT 0 CONSTRAINT attempts_status_not_null NOT NULL,
    latency_ms integer CONSTRAINT attempts_latency_ms_not_null NOT NULL,
    state text CONSTRAINT attempts_state_not_null NOT NULL,
    error text DEFAULT ''::text CONSTRAINT attempts_error_not_null NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: attempts_20261202; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts_20261202 (
    domain_uuid uuid CONSTRAINT attempts_domain_uuid_not_null NOT NULL,
    subscription_uuid uuid CONSTRAINT attempts_subscription_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT attempts_seq_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT attempts_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT attempts_created_at_not_null NOT NULL,
    attempt integer CONSTRAINT attempts_attempt_not_null NOT NULL,
    status integer DEFAULT 0 CONSTRAINT attempts_status_not_null NOT NULL,
    latency_ms integer CONSTRAINT attempts_latency_ms_not_null NOT NULL,
    state text CONSTRAINT attempts_state_not_null NOT NULL,
    error text DEFAULT ''::text CONSTRAINT attempts_error_not_null NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: attempts_20261203; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts_20261203 (
    domain_uuid uuid CONSTRAINT attempts_domain_uuid_not_null NOT NULL,
    subscription_uuid uuid CONSTRAINT attempts_subscription_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT attempts_seq_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT attempts_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT attempts_created_at_not_null NOT NULL,
    attempt integer CONSTRAINT attempts_attempt_not_null NOT NULL,
    status integer DEFAULT 0 CONSTRAINT attempts_status_not_null NOT NULL,
    latency_ms integer CONSTRAINT attempts_latency_ms_not_null NOT NULL,
    state text CONSTRAINT attempts_state_not_null NOT NULL,
    error text DEFAULT ''::text CONSTRAINT attempts_error_not_null NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: attempts_20261204; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts_20261204 (
    domain_uuid uuid CONSTRAINT attempts_domain_uuid_not_null NOT NULL,
    subscription_uuid uuid CONSTRAINT attempts_subscription_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT attempts_seq_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT attempts_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT attempts_created_at_not_null NOT NULL,
    attempt integer CONSTRAINT attempts_attempt_not_null NOT NULL,
    status integer DEFAULT 0 CONSTRAINT attempts_status_not_null NOT NULL,
    latency_ms integer CONSTRAINT attempts_latency_ms_not_null NOT NULL,
    state text CONSTRAINT attempts_state_not_null NOT NULL,
    error text DEFAULT ''::text CONSTRAINT attempts_error_not_null NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: attempts_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts_default (
    domain_uuid uuid CONSTRAINT attempts_domain_uuid_not_null NOT NULL,
    subscription_uuid uuid CONSTRAINT attempts_subscription_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT attempts_seq_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT attempts_at_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT attempts_created_at_not_null NOT NULL,
    attempt integer CONSTRAINT attempts_attempt_not_null NOT NULL,
    status integer DEFAULT 0 CONSTRAINT attempts_status_not_null NOT NULL,
    latency_ms integer CONSTRAINT attempts_latency_ms_not_null NOT NULL,
    state text CONSTRAINT attempts_state_not_null NOT NULL,
    error text DEFAULT ''::text CONSTRAINT attempts_error_not_null NOT NULL,
    callback_url text,
    CONSTRAINT attempts_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);


--
-- Name: audit_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_log (
    domain_uuid uuid,
    audit_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    address text NOT NULL,
    action text NOT NULL,
    noun text NOT NULL,
    name text NOT NULL,
    before jsonb,
    after jsonb,
    api_key text DEFAULT COALESCE(current_setting('tongdai.api_key'::text, true), ''::text) NOT NULL,
    CONSTRAINT audit_log_action_check CHECK ((action = ANY (ARRAY['create'::text, 'update'::text, 'delete'::text])))
);


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: bans; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bans (
    address inet NOT NULL,
    why text NOT NULL,
    banned_at timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone
);


--
-- Name: callers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.callers (
    domain_uuid uuid NOT NULL,
    caller text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL,
    destination text NOT NULL,
    answer text NOT NULL,
    hotlines text[] NOT NULL,
    note text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT callers_action_check CHECK ((action = ANY (ARRAY['block'::text, 'allow'::text, 'route'::text]))),
    CONSTRAINT callers_answer_check CHECK ((answer = ANY (ARRAY['unavailable'::text, 'busy'::text, 'rejected'::text, 'unallocated'::text])))
);


--
-- Name: calls; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.calls (
    domain_uuid uuid NOT NULL,
    call_uuid uuid NOT NULL,
    node text NOT NULL,
    state bytea NOT NULL,
    started_at timestamp with time zone NOT NULL,
    over_at timestamp with time zone,
    outstanding text[] DEFAULT '{cdr}'::text[] NOT NULL
);


--
-- Name: cdr_days; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdr_days (
    domain_uuid uuid NOT NULL,
    day date NOT NULL,
    direction smallint NOT NULL,
    status text NOT NULL,
    calls bigint NOT NULL
);


--
-- Name: cdr_ids; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdr_ids (
    domain_uuid uuid NOT NULL,
    id uuid NOT NULL,
    cdr_uuid uuid NOT NULL
);


--
-- Name: cdr_participants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdr_participants (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    time_started timestamp with time zone NOT NULL,
    cdr_uuid uuid NOT NULL
);


--
-- Name: cdr_sip_call_ids; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdr_sip_call_ids (
    domain_uuid uuid NOT NULL,
    hash bigint GENERATED ALWAYS AS (hashtextextended(sip_call_id, (0)::bigint)) STORED NOT NULL,
    cdr_uuid uuid NOT NULL,
    sip_call_id text NOT NULL
);


--
-- Name: cdrs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdrs (
    domain_uuid uuid NOT NULL,
    cdr_uuid uuid NOT NULL,
    call_id uuid NOT NULL,
    sip_call_id text NOT NULL,
    direction smallint NOT NULL,
    status text NOT NULL,
    cause text NOT NULL,
    extension text DEFAULT ''::text NOT NULL,
    from_number text NOT NULL,
    to_number text NOT NULL,
    from_canonical text NOT NULL,
    to_canonical text NOT NULL,
    hotline text DEFAULT ''::text NOT NULL,
    receive_dest text DEFAULT ''::text NOT NULL,
    customer_id text DEFAULT ''::text NOT NULL,
    time_started timestamp with time zone NOT NULL,
    time_answered timestamp with time zone,
    time_ended timestamp with time zone NOT NULL,
    duration integer NOT NULL,
    billsec integer NOT NULL,
    hangup_by text DEFAULT ''::text NOT NULL,
    reconstructed boolean DEFAULT false NOT NULL,
    seconds_out integer DEFAULT 0 NOT NULL,
    participants jsonb DEFAULT '[]'::jsonb NOT NULL,
    time_ringing timestamp with time zone,
    called_count integer DEFAULT 1 NOT NULL,
    application text DEFAULT 'dial'::text NOT NULL,
    sip_hangup_disposition text DEFAULT ''::text NOT NULL,
    trunk text DEFAULT ''::text NOT NULL,
    sip_status smallint DEFAULT 0 NOT NULL,
    routed_by text[] DEFAULT '{}'::text[] NOT NULL,
    recording_pauses jsonb DEFAULT '[]'::jsonb NOT NULL,
    visits jsonb DEFAULT '[]'::jsonb NOT NULL,
    parts jsonb DEFAULT '[]'::jsonb NOT NULL,
    sip_call_id_hash bigint,
    other_sip_call_id text,
    other_sip_call_id_hash bigint,
    CONSTRAINT cdrs_billsec_check CHECK ((billsec >= 0)),
    CONSTRAINT cdrs_direction_check CHECK ((direction = ANY (ARRAY[1, 2, 3]))),
    CONSTRAINT cdrs_duration_check CHECK ((duration >= 0)),
    CONSTRAINT cdrs_seconds_out_check CHECK ((seconds_out >= 0))
);


--
-- Name: commands; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.commands (
    domain_uuid uuid NOT NULL,
    command_uuid uuid NOT NULL,
    name text NOT NULL,
    body text NOT NULL,
    idempotency_key text,
    state text DEFAULT 'asked'::text NOT NULL,
    node text,
    outcome text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    CONSTRAINT commands_state_check CHECK ((state = ANY (ARRAY['asked'::text, 'taken'::text, 'done'::text])))
);


--
-- Name: deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.deliveries (
    domain_uuid uuid NOT NULL,
    subscription_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    call_uuid uuid NOT NULL,
    endpoint uuid NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    leased_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    callback_url text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: developer_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.developer_links (
    domain_uuid uuid NOT NULL,
    link_uuid uuid NOT NULL,
    name text NOT NULL,
    secret_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    opened_from text DEFAULT ''::text NOT NULL
);


--
-- Name: devices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.devices (
    domain_uuid uuid NOT NULL,
    extension text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    kind text DEFAULT 'sip'::text NOT NULL,
    max_contacts integer DEFAULT 5 NOT NULL,
    digest_md5 text NOT NULL,
    digest_sha256 text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    srtp_required boolean DEFAULT false NOT NULL,
    digest_md5_full text DEFAULT ''::text NOT NULL,
    digest_sha256_full text DEFAULT ''::text NOT NULL,
    password_changes integer DEFAULT 0 NOT NULL,
    mac text DEFAULT ''::text NOT NULL,
    CONSTRAINT devices_check CHECK (((name <> 'webrtc'::text) OR (kind = 'browser'::text))),
    CONSTRAINT devices_kind_check CHECK ((kind = ANY (ARRAY['sip'::text, 'browser'::text]))),
    CONSTRAINT devices_mac_check CHECK ((mac ~ '^(([0-9a-f]{2}:){5}[0-9a-f]{2})?$'::text)),
    CONSTRAINT devices_max_contacts_check CHECK (((max_contacts >= 1) AND (max_contacts <= 20))),
    CONSTRAINT devices_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,30}$'::text))
);


--
-- Name: dialables; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dialables (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT dialables_kind_check CHECK ((kind = ANY (ARRAY['extension'::text, 'ring_group'::text, 'queue'::text, 'menu'::text]))),
    CONSTRAINT dialables_number_check CHECK ((number ~ '^[0-9]{2,8}$'::text))
);


--
-- Name: domains; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.domains (
    domain_uuid uuid NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    node text NOT NULL,
    time_zone text NOT NULL,
    country_code text NOT NULL,
    region text NOT NULL,
    call_id_mode text NOT NULL,
    recording boolean NOT NULL,
    recording_days integer,
    max_calls integer NOT NULL,
    destinations text[] NOT NULL,
    calls_per_minute integer,
    minutes_per_day integer,
    suspended_until timestamp with time zone,
    suspended_why text DEFAULT ''::text NOT NULL,
    event_seq bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ringing_hangups boolean DEFAULT true NOT NULL,
    phone_key_encrypted bytea,
    deleting_since timestamp with time zone,
    zone_rules text DEFAULT ''::text NOT NULL,
    click2call_shows_callee boolean DEFAULT false NOT NULL,
    webrtc boolean DEFAULT false NOT NULL,
    click2call_waits boolean DEFAULT false NOT NULL,
    cdr_days integer,
    event_days integer,
    audit_days integer,
    hold_music text DEFAULT ''::text NOT NULL,
    feature_codes text[] DEFAULT '{}'::text[] NOT NULL,
    park_timeout_s integer DEFAULT 120 NOT NULL,
    recording_format text DEFAULT 'wav'::text NOT NULL,
    recording_stereo boolean DEFAULT false NOT NULL,
    CONSTRAINT domains_audit_days_check CHECK ((audit_days > 0)),
    CONSTRAINT domains_call_id_mode_check CHECK ((call_id_mode = ANY (ARRAY['leg'::text, 'conversation'::text]))),
    CONSTRAINT domains_calls_per_minute_check CHECK ((calls_per_minute > 0)),
    CONSTRAINT domains_cdr_days_check CHECK ((cdr_days > 0)),
    CONSTRAINT domains_check CHECK (((deleting_since IS NULL) OR (NOT enabled))),
    CONSTRAINT domains_country_code_check CHECK ((country_code ~ '^[1-9][0-9]{0,2}$'::text)),
    CONSTRAINT domains_event_days_check CHECK ((event_days >= 7)),
    CONSTRAINT domains_max_calls_check CHECK ((max_calls > 0)),
    CONSTRAINT domains_minutes_per_day_check CHECK ((minutes_per_day > 0)),
    CONSTRAINT domains_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$'::text)),
    CONSTRAINT domains_node_check CHECK ((node ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
    CONSTRAINT domains_park_timeout_s_check CHECK (((park_timeout_s >= 10) AND (park_timeout_s <= 3600))),
    CONSTRAINT domains_recording_days_check CHECK ((recording_days > 0)),
    CONSTRAINT domains_recording_format_check CHECK ((recording_format = ANY (ARRAY['wav'::text, 'flac'::text, 'opus'::text, 'mp3'::text]))),
    CONSTRAINT domains_region_check CHECK ((region ~ '^([A-Z]{2})?$'::text))
);


--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    domain_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    event_uuid uuid NOT NULL,
    call_uuid uuid NOT NULL,
    name text NOT NULL,
    facts json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
PARTITION BY RANGE (created_at);


--
-- Name: events_20261201; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events_20261201 (
    domain_uuid uuid CONSTRAINT events_domain_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT events_seq_not_null NOT NULL,
    event_uuid uuid CONSTRAINT events_event_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT events_call_uuid_not_null NOT NULL,
    name text CONSTRAINT events_name_not_null NOT NULL,
    facts json CONSTRAINT events_facts_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT events_created_at_not_null NOT NULL
);


--
-- Name: events_20261202; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events_20261202 (
    domain_uuid uuid CONSTRAINT events_domain_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT events_seq_not_null NOT NULL,
    event_uuid uuid CONSTRAINT events_event_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT events_call_uuid_not_null NOT NULL,
    name text CONSTRAINT events_name_not_null NOT NULL,
    facts json CONSTRAINT events_facts_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT events_created_at_not_null NOT NULL
);


--
-- Name: events_20261203; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events_20261203 (
    domain_uuid uuid CONSTRAINT events_domain_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT events_seq_not_null NOT NULL,
    event_uuid uuid CONSTRAINT events_event_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT events_call_uuid_not_null NOT NULL,
    name text CONSTRAINT events_name_not_null NOT NULL,
    facts json CONSTRAINT events_facts_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT events_created_at_not_null NOT NULL
);


--
-- Name: events_20261204; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events_20261204 (
    domain_uuid uuid CONSTRAINT events_domain_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT events_seq_not_null NOT NULL,
    event_uuid uuid CONSTRAINT events_event_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT events_call_uuid_not_null NOT NULL,
    name text CONSTRAINT events_name_not_null NOT NULL,
    facts json CONSTRAINT events_facts_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT events_created_at_not_null NOT NULL
);


--
-- Name: events_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events_default (
    domain_uuid uuid CONSTRAINT events_domain_uuid_not_null NOT NULL,
    seq bigint CONSTRAINT events_seq_not_null NOT NULL,
    event_uuid uuid CONSTRAINT events_event_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT events_call_uuid_not_null NOT NULL,
    name text CONSTRAINT events_name_not_null NOT NULL,
    facts json CONSTRAINT events_facts_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT events_created_at_not_null NOT NULL
);


--
-- Name: extensions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.extensions (
    domain_uuid uuid NOT NULL,
    extension text NOT NULL,
    kind text DEFAULT 'extension'::text NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    recording boolean,
    hotline text,
    max_calls integer NOT NULL,
    ring_timeout_s integer NOT NULL,
    suspended_until timestamp with time zone,
    suspended_why text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    extension_uuid uuid DEFAULT gen_random_uuid() NOT NULL,
    user_uuid text DEFAULT ''::text NOT NULL,
    follow_me text DEFAULT ''::text NOT NULL,
    forward_always text DEFAULT ''::text NOT NULL,
    forward_busy text DEFAULT ''::text NOT NULL,
    forward_no_answer text DEFAULT ''::text NOT NULL,
    forward_unreachable text DEFAULT ''::text NOT NULL,
    do_not_disturb boolean DEFAULT false NOT NULL,
    CONSTRAINT extensions_kind_check CHECK ((kind = 'extension'::text)),
    CONSTRAINT extensions_max_calls_check CHECK ((max_calls > 0)),
    CONSTRAINT extensions_ring_timeout_s_check CHECK (((ring_timeout_s >= 5) AND (ring_timeout_s <= 300)))
);


--
-- Name: hotlines; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hotlines (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    canonical text NOT NULL,
    trunk_uuid uuid NOT NULL,
    name text NOT NULL,
    destination text NOT NULL,
    is_default boolean NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    further_trunks uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    hours text,
    closed_destination text DEFAULT ''::text NOT NULL,
    closed_cause text DEFAULT 'unavailable'::text NOT NULL,
    CONSTRAINT hotlines_closed_cause_check CHECK ((closed_cause = ANY (ARRAY['unavailable'::text, 'busy'::text, 'rejected'::text, 'unallocated'::text]))),
    CONSTRAINT hotlines_further_trunks_check CHECK ((cardinality(further_trunks) < 9))
);


--
-- Name: hours_plans; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hours_plans (
    domain_uuid uuid NOT NULL,
    name text NOT NULL,
    weekly text[] NOT NULL,
    holidays text[] NOT NULL,
    override text DEFAULT ''::text NOT NULL,
    override_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT hours_plans_override_check CHECK ((override = ANY (ARRAY[''::text, 'open'::text, 'closed'::text])))
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    domain_uuid uuid NOT NULL,
    actor text NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    status smallint NOT NULL,
    etag text NOT NULL,
    answer_encrypted bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: live_leases; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.live_leases (
    domain_uuid uuid NOT NULL,
    process_uuid uuid NOT NULL,
    until timestamp with time zone NOT NULL
);


--
-- Name: live_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.live_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: live_state; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.live_state (
    domain_uuid uuid NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    seq bigint DEFAULT nextval('public.live_seq'::regclass) NOT NULL,
    body text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');


--
-- Name: menus; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.menus (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    kind text DEFAULT 'menu'::text NOT NULL,
    name text NOT NULL,
    prompt text NOT NULL,
    invalid_prompt text NOT NULL,
    keys text[] NOT NULL,
    direct_dialling boolean NOT NULL,
    timeout_s integer NOT NULL,
    retries integer NOT NULL,
    overflow text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT menus_kind_check CHECK ((kind = 'menu'::text)),
    CONSTRAINT menus_retries_check CHECK (((retries >= 0) AND (retries <= 9))),
    CONSTRAINT menus_timeout_s_check CHECK (((timeout_s >= 1) AND (timeout_s <= 30)))
);


--
-- Name: migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.migrations (
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: nodes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nodes (
    node text NOT NULL,
    cel_log_inode bigint DEFAULT 0 NOT NULL,
    cel_log_offset bigint DEFAULT 0 NOT NULL
);


--
-- Name: operators; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.operators (
    operator_uuid uuid NOT NULL,
    username text NOT NULL,
    password_hash text NOT NULL,
    enabled boolean NOT NULL,
    api_key_digest bytea NOT NULL,
    api_key_encrypted bytea NOT NULL,
    api_key_version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    password_changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT operators_username_check CHECK ((username ~ '^[a-z0-9._+-]{1,64}$'::text))
);


--
-- Name: phone_credentials; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.phone_credentials (
    domain_uuid uuid NOT NULL,
    extension text NOT NULL,
    username text NOT NULL,
    digest_md5 text NOT NULL,
    digest_sha256 text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT phone_credentials_username_check CHECK ((username ~ '^[0-9]{2,8}[.][0-9a-f]{20}$'::text))
);


--
-- Name: prompt_audio; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_audio (
    domain_uuid uuid NOT NULL,
    name text NOT NULL,
    wav_8k bytea NOT NULL,
    wav_16k bytea NOT NULL
);
ALTER TABLE ONLY public.prompt_audio ALTER COLUMN wav_8k SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.prompt_audio ALTER COLUMN wav_16k SET STORAGE EXTERNAL;


--
-- Name: prompts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompts (
    domain_uuid uuid NOT NULL,
    name text NOT NULL,
    prompt_uuid uuid NOT NULL,
    sha256 text NOT NULL,
    duration_s double precision NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT prompts_duration_s_check CHECK ((duration_s > (0)::double precision))
);


--
-- Name: provisioning_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provisioning_links (
    domain_uuid uuid NOT NULL,
    extension text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    secret_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    fetched_at timestamp with time zone,
    fetched_from text DEFAULT ''::text NOT NULL,
    user_agent text DEFAULT ''::text NOT NULL,
    CONSTRAINT provisioning_links_kind_check CHECK ((kind = ANY (ARRAY['phone'::text, 'softphone'::text])))
);


--
-- Name: queues; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.queues (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    kind text DEFAULT 'queue'::text NOT NULL,
    name text NOT NULL,
    agents text[] NOT NULL,
    ring_timeout_s integer NOT NULL,
    no_answer_delay_s integer NOT NULL,
    wrap_up_s integer NOT NULL,
    timeout_s integer NOT NULL,
    overflow text NOT NULL,
    moh_class text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    service_level_s integer DEFAULT 20 NOT NULL,
    CONSTRAINT queues_kind_check CHECK ((kind = 'queue'::text)),
    CONSTRAINT queues_no_answer_delay_s_check CHECK (((no_answer_delay_s >= 0) AND (no_answer_delay_s <= 3600))),
    CONSTRAINT queues_ring_timeout_s_check CHECK (((ring_timeout_s >= 3) AND (ring_timeout_s <= 300))),
    CONSTRAINT queues_service_level_s_check CHECK (((service_level_s >= 1) AND (service_level_s <= 3600))),
    CONSTRAINT queues_timeout_s_check CHECK (((timeout_s >= 3) AND (timeout_s <= 7200))),
    CONSTRAINT queues_wrap_up_s_check CHECK (((wrap_up_s >= 0) AND (wrap_up_s <= 3600)))
);


--
-- Name: recordings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.recordings (
    domain_uuid uuid NOT NULL,
    cdr_uuid uuid NOT NULL,
    recording_uuid uuid NOT NULL,
    token text NOT NULL,
    status text NOT NULL,
    file_key text,
    started_at timestamp with time zone NOT NULL,
    duration_s double precision,
    size bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    channels smallint,
    sha256 text,
    CONSTRAINT recordings_check CHECK (((status = 'deleted'::text) = (deleted_at IS NOT NULL))),
    CONSTRAINT recordings_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT recordings_status_check CHECK ((status = ANY (ARRAY['none'::text, 'pending'::text, 'ready'::text, 'failed'::text, 'deleted'::text])))
);


--
-- Name: report_days; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.report_days (
    domain_uuid uuid NOT NULL,
    kind smallint NOT NULL,
    day date NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    direction smallint NOT NULL,
    calls integer NOT NULL,
    answered integer NOT NULL,
    abandoned integer NOT NULL,
    busy integer NOT NULL,
    no_answer integer NOT NULL,
    overflowed integer NOT NULL,
    failed integer NOT NULL,
    in_time integer NOT NULL,
    wait_s integer NOT NULL,
    wait_max_s integer NOT NULL,
    talk_s integer NOT NULL,
    talk_max_s integer NOT NULL
)
WITH (fillfactor='70');


--
-- Name: report_hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.report_hours (
    domain_uuid uuid NOT NULL,
    kind smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    hour smallint NOT NULL,
    direction smallint NOT NULL,
    calls integer NOT NULL,
    answered integer NOT NULL,
    abandoned integer NOT NULL,
    busy integer NOT NULL,
    no_answer integer NOT NULL,
    overflowed integer NOT NULL,
    failed integer NOT NULL,
    in_time integer NOT NULL,
    wait_s integer NOT NULL,
    wait_max_s integer NOT NULL,
    talk_s integer NOT NULL,
    talk_max_s integer NOT NULL,
    CONSTRAINT report_hours_hour_check CHECK (((hour >= 0) AND (hour <= 47)))
)
WITH (fillfactor='70');


--
-- Name: ring_groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ring_groups (
    domain_uuid uuid NOT NULL,
    number text NOT NULL,
    kind text DEFAULT 'ring_group'::text NOT NULL,
    name text NOT NULL,
    strategy text NOT NULL,
    members text[] NOT NULL,
    ring_timeout_s integer NOT NULL,
    timeout_s integer NOT NULL,
    overflow text NOT NULL,
    next_member integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ring_groups_kind_check CHECK ((kind = 'ring_group'::text)),
    CONSTRAINT ring_groups_ring_timeout_s_check CHECK (((ring_timeout_s >= 3) AND (ring_timeout_s <= 300))),
    CONSTRAINT ring_groups_strategy_check CHECK ((strategy = ANY (ARRAY['ring_all'::text, 'sequential'::text, 'round_robin'::text]))),
    CONSTRAINT ring_groups_timeout_s_check CHECK (((timeout_s >= 3) AND (timeout_s <= 3600)))
);


--
-- Name: saved_searches; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.saved_searches (
    domain_uuid uuid NOT NULL,
    account_uuid uuid NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: second_factors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.second_factors (
    domain_uuid uuid,
    user_uuid uuid,
    operator_uuid uuid,
    secret_encrypted bytea NOT NULL,
    last_step bigint NOT NULL,
    recovery_digests bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT second_factors_check CHECK (((num_nonnulls(user_uuid, operator_uuid) = 1) AND ((domain_uuid IS NULL) = (user_uuid IS NULL))))
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    session_uuid uuid NOT NULL,
    domain_uuid uuid,
    user_uuid uuid,
    operator_uuid uuid,
    secret_digest bytea NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL,
    link_uuid uuid,
    CONSTRAINT sessions_check CHECK (((num_nonnulls(user_uuid, operator_uuid, link_uuid) = 1) AND ((domain_uuid IS NULL) = (operator_uuid IS NOT NULL))))
);


--
-- Name: subscriptions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.subscriptions (
    domain_uuid uuid NOT NULL,
    subscription_uuid uuid NOT NULL,
    event_name text NOT NULL,
    callback_url text NOT NULL,
    endpoint uuid GENERATED ALWAYS AS ((md5(((domain_uuid)::text || callback_url)))::uuid) STORED NOT NULL,
    dialect text DEFAULT 'v1'::text NOT NULL,
    callback_apikey_encrypted bytea,
    secret_encrypted bytea NOT NULL,
    previous_secret_encrypted bytea,
    previous_secret_until timestamp with time zone,
    enabled boolean DEFAULT true NOT NULL,
    disabled_reason text DEFAULT ''::text NOT NULL,
    failing_since timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    numbers_as_text boolean DEFAULT false NOT NULL,
    accept_redirects boolean DEFAULT false NOT NULL,
    callback_headers_encrypted bytea,
    callback_ca text DEFAULT ''::text NOT NULL,
    CONSTRAINT subscriptions_event_name_check CHECK (((length(event_name) >= 1) AND (length(event_name) <= 64)))
);


--
-- Name: timelines; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines (
    domain_uuid uuid NOT NULL,
    call_uuid uuid NOT NULL,
    written_at timestamp with time zone DEFAULT now() NOT NULL,
    notes json NOT NULL
)
PARTITION BY RANGE (written_at);


--
-- Name: timelines_20261201; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines_20261201 (
    domain_uuid uuid CONSTRAINT timelines_domain_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT timelines_call_uuid_not_null NOT NULL,
    written_at timestamp with time zone DEFAULT now() CONSTRAINT timelines_written_at_not_null NOT NULL,
    notes json CONSTRAINT timelines_notes_not_null NOT NULL
);


--
-- Name: timelines_20261202; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines_20261202 (
    domain_uuid uuid CONSTRAINT timelines_domain_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT timelines_call_uuid_not_null NOT NULL,
    written_at timestamp with time zone DEFAULT now() CONSTRAINT timelines_written_at_not_null NOT NULL,
    notes json CONSTRAINT timelines_notes_not_null NOT NULL
);


--
-- Name: timelines_20261203; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines_20261203 (
    domain_uuid uuid CONSTRAINT timelines_domain_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT timelines_call_uuid_not_null NOT NULL,
    written_at timestamp with time zone DEFAULT now() CONSTRAINT timelines_written_at_not_null NOT NULL,
    notes json CONSTRAINT timelines_notes_not_null NOT NULL
);


--
-- Name: timelines_20261204; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines_20261204 (
    domain_uuid uuid CONSTRAINT timelines_domain_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT timelines_call_uuid_not_null NOT NULL,
    written_at timestamp with time zone DEFAULT now() CONSTRAINT timelines_written_at_not_null NOT NULL,
    notes json CONSTRAINT timelines_notes_not_null NOT NULL
);


--
-- Name: timelines_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timelines_default (
    domain_uuid uuid CONSTRAINT timelines_domain_uuid_not_null NOT NULL,
    call_uuid uuid CONSTRAINT timelines_call_uuid_not_null NOT NULL,
    written_at timestamp with time zone DEFAULT now() CONSTRAINT timelines_written_at_not_null NOT NULL,
    notes json CONSTRAINT timelines_notes_not_null NOT NULL
);


--
-- Name: trunk_registrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trunk_registrations (
    domain_uuid uuid NOT NULL,
    trunk_uuid uuid NOT NULL,
    is_registered boolean NOT NULL,
    sip_status integer NOT NULL,
    since timestamp with time zone NOT NULL,
    heard_at timestamp with time zone NOT NULL,
    CONSTRAINT trunk_registrations_sip_status_check CHECK (((sip_status >= 0) AND (sip_status <= 699)))
);


--
-- Name: trunks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trunks (
    domain_uuid uuid NOT NULL,
    trunk_uuid uuid NOT NULL,
    name text NOT NULL,
    auth text NOT NULL,
    host text NOT NULL,
    transport text NOT NULL,
    addresses text[] NOT NULL,
    username text NOT NULL,
    password_encrypted bytea,
    auth_username text NOT NULL,
    from_user text NOT NULL,
    from_domain text NOT NULL,
    number_format text NOT NULL,
    shared boolean NOT NULL,
    max_calls integer NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    transfers boolean DEFAULT false NOT NULL,
    called_number_in text DEFAULT 'auto'::text NOT NULL,
    qualify boolean DEFAULT true NOT NULL,
    carrier_key text GENERATED ALWAYS AS (public.carrier_key(host, addresses)) STORED NOT NULL,
    password_changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT trunks_auth_check CHECK ((auth = ANY (ARRAY['ip'::text, 'digest'::text, 'registration'::text]))),
    CONSTRAINT trunks_auth_username_check CHECK ((auth_username ~ '^[A-Za-z0-9._+~*-]{0,63}$'::text)),
    CONSTRAINT trunks_called_number_in_check CHECK ((called_number_in = ANY (ARRAY['auto'::text, 'request_uri'::text, 'to'::text, 'p_called_party_id'::text, 'diversion'::text]))),
    CONSTRAINT trunks_max_calls_check CHECK ((max_calls > 0)),
    CONSTRAINT trunks_number_format_check CHECK ((number_format = ANY (ARRAY['national'::text, 'e164'::text, 'plain'::text]))),
    CONSTRAINT trunks_transport_check CHECK ((transport = ANY (ARRAY['udp'::text, 'tcp'::text, 'tls'::text])))
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    domain_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    username text NOT NULL,
    password_hash text NOT NULL,
    level text NOT NULL,
    enabled boolean NOT NULL,
    api_key_digest bytea NOT NULL,
    api_key_encrypted bytea NOT NULL,
    api_key_version integer DEFAULT 1 NOT NULL,
    api_key_scopes text[],
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    api_key_token_life_s bigint,
    password_changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT users_api_key_token_life_s_check CHECK ((api_key_token_life_s > 0)),
    CONSTRAINT users_level_check CHECK ((level = ANY (ARRAY['admin'::text, 'supervisor'::text, 'agent'::text]))),
    CONSTRAINT users_username_check CHECK ((username ~ '^[a-z0-9._+-]{1,64}$'::text))
);


--
-- Name: attempts_20261201; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');


--
-- Name: attempts_20261202; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');


--
-- Name: attempts_20261203; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');


--
-- Name: attempts_20261204; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261204 FOR VALUES FROM ('2026-12-04 00:00:00+00') TO ('2026-12-05 00:00:00+00');


--
-- Name: attempts_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_default DEFAULT;


--
-- Name: events_20261201; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');


--
-- Name: events_20261202; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');


--
-- Name: events_20261203; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');


--
-- Name: events_20261204; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261204 FOR VALUES FROM ('2026-12-04 00:00:00+00') TO ('2026-12-05 00:00:00+00');


--
-- Name: events_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_default DEFAULT;


--
-- Name: timelines_20261201; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines ATTACH PARTITION public.timelines_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');


--
-- Name: timelines_20261202; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines ATTACH PARTITION public.timelines_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');


--
-- Name: timelines_20261203; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines ATTACH PARTITION public.timelines_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');


--
-- Name: timelines_20261204; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines ATTACH PARTITION public.timelines_20261204 FOR VALUES FROM ('2026-12-04 00:00:00+00') TO ('2026-12-05 00:00:00+00');


--
-- Name: timelines_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines ATTACH PARTITION public.timelines_default DEFAULT;


--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: attempts_20261201; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: attempts_20261202; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: attempts_20261203; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: attempts_20261204; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: attempts_default; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_log; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 1, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'domain', 'sales.example.vn', '{}', '{"name": "sales.example.vn", "node": "switch-1", "region": "", "webrtc": false, "enabled": true, "cdr_days": null, "max_calls": 100, "recording": true, "time_zone": "Asia/Ho_Chi_Minh", "audit_days": null, "event_days": null, "hold_music": "", "zone_rules": "6693bcd1f7d0b075", "call_id_mode": "leg", "country_code": "84", "destinations": [], "feature_codes": [], "suspended_why": "", "deleting_since": null, "park_timeout_s": 120, "recording_days": 90, "minutes_per_day": null, "ringing_hangups": true, "suspended_until": null, "calls_per_minute": 120, "click2call_waits": false, "recording_format": "wav", "recording_stereo": false, "phone_key_encrypted": null, "click2call_shows_callee": false}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 2, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'user', 'an', '{}', '{"level": "admin", "enabled": true, "username": "an", "user_uuid": "01a22fce-2f63-7732-98f5-8f9867855213", "password_hash": "***", "api_key_digest": "***", "api_key_scopes": null, "api_key_version": 1, "api_key_encrypted": "***", "api_key_token_life_s": null}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 3, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'extension', '101', '{}', '{"name": "Ánh", "enabled": true, "hotline": null, "extension": "101", "follow_me": "", "max_calls": 2, "recording": null, "user_uuid": "", "forward_busy": "", "suspended_why": "", "do_not_disturb": false, "extension_uuid": "a53bab22-54fc-48d0-a15d-72c87190e08e", "forward_always": "", "ring_timeout_s": 30, "suspended_until": null, "forward_no_answer": "", "forward_unreachable": ""}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 4, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'device', '101 default', '{}', '{"mac": "", "kind": "sip", "name": "default", "extension": "101", "digest_md5": "***", "max_contacts": 5, "digest_sha256": "***", "srtp_required": false, "digest_md5_full": "***", "digest_sha256_full": "***"}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 5, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'extension', '102', '{}', '{"name": "Ánh", "enabled": true, "hotline": null, "extension": "102", "follow_me": "", "max_calls": 2, "recording": null, "user_uuid": "", "forward_busy": "", "suspended_why": "", "do_not_disturb": false, "extension_uuid": "51b81835-b542-418c-962e-8c7ad313fbb2", "forward_always": "", "ring_timeout_s": 30, "suspended_until": null, "forward_no_answer": "", "forward_unreachable": ""}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 6, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'device', '102 default', '{}', '{"mac": "", "kind": "sip", "name": "default", "extension": "102", "digest_md5": "***", "max_contacts": 5, "digest_sha256": "***", "srtp_required": false, "digest_md5_full": "***", "digest_sha256_full": "***"}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 7, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'trunk', 'carrier', '{}', '{"auth": "registration", "host": "203.0.113.7", "name": "carrier", "shared": false, "enabled": true, "qualify": true, "username": "u", "addresses": [], "from_user": "", "max_calls": 100, "transfers": false, "transport": "udp", "trunk_uuid": "01a22fce-2f8b-7baf-aef2-33cf01582582", "carrier_key": "68fecd3b63b272e813f600f1a4885e0c", "from_domain": "", "auth_username": "", "number_format": "national", "called_number_in": "auto", "password_encrypted": "***"}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 8, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'ring_group', '600', '{}', '{"name": "", "number": "600", "members": ["101", "102"], "overflow": "", "strategy": "ring_all", "timeout_s": 60, "ring_timeout_s": 20}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 9, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'queue', '700', '{}', '{"name": "", "agents": ["101"], "number": "700", "overflow": "600", "moh_class": "default", "timeout_s": 300, "wrap_up_s": 0, "ring_timeout_s": 15, "service_level_s": 20, "no_answer_delay_s": 5}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 10, '2026-12-01 04:12:51.308696+00', '', '', 'create', 'hotline', '19001919', '{}', '{"name": "", "hours": null, "number": "19001919", "enabled": true, "canonical": "19001919", "is_default": false, "trunk_uuid": "01a22fce-2f8b-7baf-aef2-33cf01582582", "destination": "700", "closed_cause": "unavailable", "further_trunks": [], "closed_destination": ""}', '');
INSERT INTO public.audit_log OVERRIDING SYSTEM VALUE VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 11, '2026-12-01 04:12:51.49387+00', '', '', 'create', 'subscription', 'ringing https://crm.example.vn/', '{}', '{"dialect": "v1", "enabled": true, "event_name": "ringing", "callback_ca": "", "callback_url": "https://crm.example.vn/", "disabled_reason": "", "numbers_as_text": false, "accept_redirects": false, "secret_encrypted": "***", "subscription_uuid": "01a22fce-2fa5-71ca-ad5a-e14ab88652ea", "previous_secret_until": null, "callback_apikey_encrypted": null, "previous_secret_encrypted": null, "callback_headers_encrypted": null}', '');


--
-- Data for Name: bans; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: callers; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: calls; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: cdr_days; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.cdr_days VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '2026-11-30', 3, 'ANSWERED', 2);


--
-- Data for Name: cdr_ids; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: cdr_participants; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: cdr_sip_call_ids; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: cdrs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.cdrs VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '0177af8a-a4f8-7d7f-bf12-ab5e3a6fa997', '0177af8a-a4f8-7c7e-9580-ca212df6a2cf', '0177af8a-a4f8-7d7f-bf12-ab5e3a6fa997@phone', 3, 'ANSWERED', 'NORMAL_CLEARING', '101', '19001919', '0899888999', '19001919', '84899888999', '19001919', '', '', '2026-11-29 17:00:00+00', '2021-02-17 10:30:43+00', '2021-02-17 10:30:46+00', 11, 3, 'caller', false, 0, '[]', '2021-02-17 10:30:36+00', 1, 'dial', '', '', 0, '{}', '[]', '[]', '[]', 3133273421677014500, NULL, NULL);
INSERT INTO public.cdrs VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '0177af8a-a4f8-73c8-af70-a43ddecaebf5', '0177af8a-a4f8-7437-97ba-ef42b2cc4800', '0177af8a-a4f8-73c8-af70-a43ddecaebf5@phone', 3, 'ANSWERED', 'NORMAL_CLEARING', '101', '19001919', '0899888999', '19001919', '84899888999', '19001919', '', '', '2026-11-29 17:30:00+00', '2021-02-17 10:30:43+00', '2021-02-17 10:30:46+00', 11, 3, 'caller', false, 0, '[]', '2021-02-17 10:30:36+00', 1, 'dial', '', '', 0, '{}', '[]', '[]', '[]', -331945409340063251, NULL, NULL);


--
-- Data for Name: commands; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: deliveries; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.deliveries VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '01a22fce-2fa5-71ca-ad5a-e14ab88652ea', 1, '01a22fce-2fa7-7afd-a70a-84cd1d2c7d8d', '713d483a-e99e-d270-cac8-50bf9670a53e', '2026-12-01 04:12:51.495271+00', '-infinity', 0, NULL, '2026-12-01 04:12:51.50034+00');


--
-- Data for Name: developer_links; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: devices; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.devices VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '101', 'default', 'sip', 5, 'fc126875b0cc66a6efbf71aa98bf458f', '248d728f440b30e8df9473fe60d20fa674cfacd34df4ea816dd3a31c809b4a95', '2026-12-01 04:12:51.308696+00', false, '482c8366088c87725df74308a5fc48e8', '25fa71ed094b2d27245edb01ee7fe29f85261f4db7bac472922d6b8d8956bae0', 0, '');
INSERT INTO public.devices VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '102', 'default', 'sip', 5, 'ece27b138d6390e11d405c9ee5bf4e46', '5d6f30dd7d660c3c182e933c7dfc612910a02fa88b9d33d4643b11ebadb3e302', '2026-12-01 04:12:51.308696+00', false, 'c67606d3a3d6c4ceebf564a6f91d3173', 'b7e3fe56667ce4f7d68480413a40a8b7afea44946eb97accb47c4f2f6c1ef164', 0, '');


--
-- Data for Name: dialables; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.dialables VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '101', 'extension');
INSERT INTO public.dialables VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '102', 'extension');
INSERT INTO public.dialables VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '600', 'ring_group');
INSERT INTO public.dialables VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '700', 'queue');


--
-- Data for Name: domains; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.domains VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 'sales.example.vn', true, 'switch-1', 'Asia/Ho_Chi_Minh', '84', '', 'leg', true, 90, 100, '{}', 120, NULL, NULL, '', 1, '2026-12-01 04:12:51.308696+00', true, NULL, NULL, '6693bcd1f7d0b075', false, false, false, NULL, NULL, NULL, '', '{}', 120, 'wav', false);


--
-- Data for Name: events_20261201; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.events_20261201 VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 1, '01a22fce-2fa7-7416-8dd3-8a58e33cb39b', '01a22fce-2fa7-7afd-a70a-84cd1d2c7d8d', 'ringing', '{"about":"call","domain":"sales.example.vn","call_id":"01a22fce-2fa7-7afd-a70a-84cd1d2c7d8d","sip_call_id":"01a22fce2fa77afda70a84cd1d2c7d8d","conversation_id":"01a22fce-2fa7-7afd-a70a-84cd1d2c7d8d","direction":"inbound","from_number":"0899888999","to_number":"101","hotline":"19001919","extension":"","receive_dest":"","customer_id":"","application":"dial","time_zone":"UTC","time_started":"2026-12-01T04:12:51.495000Z","time_answered":null,"time_ended":null,"duration":0,"billsec":0,"recording_url":"","status":"","cause":"","hangup_by":"","reason":"","sip_hangup_disposition":"","trunk":"","sip_status":0,"routed_by":[]}', '2026-12-01 04:12:51.50034+00');


--
-- Data for Name: events_20261202; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: events_20261203; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: events_20261204; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: events_default; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: extensions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.extensions VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '101', 'extension', 'Ánh', true, NULL, NULL, 2, 30, NULL, '', '2026-12-01 04:12:51.308696+00', 'a53bab22-54fc-48d0-a15d-72c87190e08e', '', '', '', '', '', '', false);
INSERT INTO public.extensions VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '102', 'extension', 'Ánh', true, NULL, NULL, 2, 30, NULL, '', '2026-12-01 04:12:51.308696+00', '51b81835-b542-418c-962e-8c7ad313fbb2', '', '', '', '', '', '', false);


--
-- Data for Name: hotlines; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.hotlines VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '19001919', '19001919', '01a22fce-2f8b-7baf-aef2-33cf01582582', '', '700', false, true, '2026-12-01 04:12:51.308696+00', '{}', NULL, '', 'unavailable');


--
-- Data for Name: hours_plans; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: live_leases; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: live_state; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: menus; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.migrations VALUES ('0001_schema.sql', '086c9a42bae79e0ff7fb10e95214314a6204a53bc6c85e0bc154ce192d8b0699', '2026-12-01 04:12:51.104531+00');
INSERT INTO public.migrations VALUES ('0002_transfers.sql', '4f82a8b210e1df5a5a400f8e8699c5eb1b5b39332c53fef27f4ce3ee7ff38d19', '2026-12-01 04:12:51.174104+00');
INSERT INTO public.migrations VALUES ('0003_events.sql', '444579d3a211905dc520cf3005d3e7bd9f13a61966fc001ddeb38c3ecf2d90ff', '2026-12-01 04:12:51.178334+00');
INSERT INTO public.migrations VALUES ('0004_dialects.sql', '31d86c559f210f98667b11ff97a875caffa66eef18483c4a46e738d9b4404c8a', '2026-12-01 04:12:51.179773+00');
INSERT INTO public.migrations VALUES ('0006_bounded_work.sql', 'b94385ce24f998e69101532fe9f2bf7f079f3f1f9f579f703b784b4e217f73ac', '2026-12-01 04:12:51.186679+00');
INSERT INTO public.migrations VALUES ('0007_trunks.sql', 'db6a449f5cf4ff9d65d174b4e87f92baf7be4867be9ff8f5dcf43efa85c5d052', '2026-12-01 04:12:51.188512+00');
INSERT INTO public.migrations VALUES ('0008_phones.sql', '322bd4da95d937428eddbfde4120f998460e8179845eb741128b79a5bc9f067a', '2026-12-01 04:12:51.199725+00');
INSERT INTO public.migrations VALUES ('0009_webrtc.sql', 'e838ff5c99436df662e1b0027a509821846564bf01a8f66ea5a19668a710d45f', '2026-12-01 04:12:51.201221+00');
INSERT INTO public.migrations VALUES ('0010_audit.sql', 'efc9c447374245ebf38a4878e22369981656733997ad807f443edf1ce92522bc', '2026-12-01 04:12:51.202302+00');
INSERT INTO public.migrations VALUES ('0011_administration.sql', 'cd0a1b804ce7277305859c27b662d5a75358dc057a32b0d881a334378c3d9f07', '2026-12-01 04:12:51.206783+00');
INSERT INTO public.migrations VALUES ('0044_audit_of_api_keys.sql', '38a44fff5f8b8755051a2c8fbe9895bd9499aaafd67fa053d4694e7cc269b17c', '2026-12-01 04:12:51.207505+00');
INSERT INTO public.migrations VALUES ('0060_domains_notify.sql', 'db3688aafb13d4d116e7b2974410dd3f78b9f0eb032372ffdf2e0665f1350f85', '2026-12-01 04:12:51.208061+00');
INSERT INTO public.migrations VALUES ('0061_keys_and_passwords.sql', 'a413fac3556b22db75de2f627c1d462ffe4263deb075f32e1fab851a669b7dee', '2026-12-01 04:12:51.208726+00');
INSERT INTO public.migrations VALUES ('0062_click2call_waits.sql', 'af38984ced58506251677edeab4853dd3fd6391c801913d2405178ff949148d9', '2026-12-01 04:12:51.210739+00');
INSERT INTO public.migrations VALUES ('0069_trunks_and_hotlines.sql', '81ac72f41f49f782ba74f99e31dea15f0390e6ac7d31b1b5a2fe76c0dfcfb620', '2026-12-01 04:12:51.211572+00');
INSERT INTO public.migrations VALUES ('0070_domains_and_users.sql', 'bc21e460a3f169f80253a4edd24f118cea67bb648e97ae51b9f179bce19b29da', '2026-12-01 04:12:51.212365+00');
INSERT INTO public.migrations VALUES ('0071_devices.sql', '60dc0ddf82fee4b34202620c5e64c2bb3134cd31ac68f61f968bfe9a677a4c26', '2026-12-01 04:12:51.212933+00');
INSERT INTO public.migrations VALUES ('0072_idempotency_keys.sql', 'b79022ebaa103fc4a52be6332fcd4248f3992adf24ef29e4cbc0dcc9e4cd0af9', '2026-12-01 04:12:51.213509+00');
INSERT INTO public.migrations VALUES ('0073_live_calls.sql', '19f304b9e412b1f80851d8b8ba958770c66a2148cbd30ce1cd37e788cc44ec28', '2026-12-01 04:12:51.215999+00');
INSERT INTO public.migrations VALUES ('0074_live_state.sql', '4570af0170ac227cb2e916d35a359458810b74d6e214de131fdeb959c2ad8b0a', '2026-12-01 04:12:51.216764+00');
INSERT INTO public.migrations VALUES ('0079_retention.sql', 'b0c7ff0755b037b85a52c91fae1e8c2382c142c28189cc05c44a3e15ad9eca93', '2026-12-01 04:12:51.221453+00');
INSERT INTO public.migrations VALUES ('0080_dumps.sql', 'fc64c79c9bb52ba8b9bc871f85692d7c83312c4d3d60c4a519c3ec97561046eb', '2026-12-01 04:12:51.223544+00');
INSERT INTO public.migrations VALUES ('0083_cdr_search.sql', 'aabaf0f138aabf9bebc0079fddb805f76f2379e63a8d6e6cd6e152ee9ae51723', '2026-12-01 04:12:51.224371+00');
INSERT INTO public.migrations VALUES ('0084_audit_of_phones.sql', '8cfcff20c7017319869c5d10bee704acd2bd1252cb5025864192cc728f11a059', '2026-12-01 04:12:51.228312+00');
INSERT INTO public.migrations VALUES ('0090_prompts.sql', '4ef1b63df224b24267cb8a8de916b52877b2d333e7291f2c20ca6c9ea868e905', '2026-12-01 04:12:51.229103+00');
INSERT INTO public.migrations VALUES ('0091_menus.sql', 'fafd96bde601651a32429bf34bef595725c4d4e46a8f1b0bdcacd27e6439737a', '2026-12-01 04:12:51.233667+00');
INSERT INTO public.migrations VALUES ('0100_browsers.sql', '5c9fbe1f7ac9556cb4783c62877547f6d36b93811c4380c6688e02c3d9d1d33e', '2026-12-01 04:12:51.236348+00');
INSERT INTO public.migrations VALUES ('0105_traces.sql', 'b7eb98885e16d8f22ee9a647e5f4fa826dd9bd23564e4600500dafc217abebd5', '2026-12-01 04:12:51.236974+00');
INSERT INTO public.migrations VALUES ('0110_sessions.sql', '34019145194d922cba96c63f1879ea5ba3c2f71b6455fb9b1b4edcc22b9fe771', '2026-12-01 04:12:51.23775+00');
INSERT INTO public.migrations VALUES ('0117_phone_credentials.sql', '3098262ac5463b58bde7bf5b71df565fa18b5b1f7a89edb1df61e49b6c532959', '2026-12-01 04:12:51.241601+00');
INSERT INTO public.migrations VALUES ('0120_hours_plans.sql', '1e0fe8d7446d1b9624acd3dd204668041f51488a26a677bb6355363b606bf909', '2026-12-01 04:12:51.244295+00');
INSERT INTO public.migrations VALUES ('0121_callers.sql', '11d1a22a69c62e94c7c61bbd0568d4fef0080d1206889a5ed173fc9da606cb89', '2026-12-01 04:12:51.248061+00');
INSERT INTO public.migrations VALUES ('0122_forwarding.sql', '21648c6603e7eaee51fe12cf780288326c77a5ffc81b8e537cb46f545f7472ce', '2026-12-01 04:12:51.251208+00');
INSERT INTO public.migrations VALUES ('0130_control_of_talks.sql', '7222012cd4d7136a3a874047ec802165b88d3e279df4244fcdd1762a1f33e15b', '2026-12-01 04:12:51.252681+00');
INSERT INTO public.migrations VALUES ('0131_recording_pauses.sql', '19bb9917d41a3d9793f5a1ff4a52a903e7b8a73b3d6cc4a024154167d3e080cf', '2026-12-01 04:12:51.253431+00');
INSERT INTO public.migrations VALUES ('0135_provisioning_links.sql', '53e1745e04446c5c910dfda433984e54bcbf508b5f1d2714df47e43c6a33f381', '2026-12-01 04:12:51.255263+00');
INSERT INTO public.migrations VALUES ('0136_trunk_trials.sql', 'abe4d9c42c654fa3189a5e0f11cfee3b9ad3cf8b19fc2d13c7fb26d2fb5ea9c1', '2026-12-01 04:12:51.259337+00');
INSERT INTO public.migrations VALUES ('0140_second_factors.sql', '35dd3f0116a9ff5a1aa8c1d2dddc46d5fdd768ba93705ecd754c5536b03c2b3d', '2026-12-01 04:12:51.260211+00');
INSERT INTO public.migrations VALUES ('0141_saved_searches.sql', '86e35d66a3dcdea696e3ee69d4866e25ca63f3493898a783d2bcf38c5072ab27', '2026-12-01 04:12:51.26312+00');
INSERT INTO public.migrations VALUES ('0142_developer_links.sql', 'fdc523407468af668b5242b88a621119bbb6531f27dc40c3f8ee163687005568', '2026-12-01 04:12:51.265669+00');
INSERT INTO public.migrations VALUES ('0145_feature_codes.sql', 'fe320e9cd3d6e6d5ba6f1ede57e35c4cf86cfdcb4c6a6967d97574e873f6fb5f', '2026-12-01 04:12:51.269925+00');
INSERT INTO public.migrations VALUES ('0146_park_timeout.sql', '335d71ac4b9b720658200985361bb093297bb67c9ec0bf8e38a7d60ef8133639', '2026-12-01 04:12:51.270936+00');
INSERT INTO public.migrations VALUES ('0150_reports.sql', '4b36a8903955c42aea29051b71366bbd556bc4a15f3e77b98bb070c9898c7c36', '2026-12-01 04:12:51.271986+00');
INSERT INTO public.migrations VALUES ('0156_timelines.sql', 'efd5d712e07dbfd32de7cd2534ee13bce384b1a08179da2044112aa9a9f4c746', '2026-12-01 04:12:51.277313+00');
INSERT INTO public.migrations VALUES ('0161_call_ids_in_records.sql', '76ae31693ad7f8232189f12845a3e195aa19e184b0da0f4eab88ae0a8977377b', '2026-12-01 04:12:51.287155+00');
INSERT INTO public.migrations VALUES ('0162_indexes_of_records.sql', '68f6e0a43e4f41c01f2740f85f4b4d922eaf3f1e8d952c39b749af6cf73deb4e', '2026-12-01 04:12:51.299785+00');
INSERT INTO public.migrations VALUES ('0170_recording_formats.sql', '317468da4902dddb4c2b7e13d1db4a57eafc7f8507d49788965d4cc58e383aa4', '2026-12-01 04:12:51.300175+00');


--
-- Data for Name: nodes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: operators; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: phone_credentials; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: prompt_audio; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: prompts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: provisioning_links; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: queues; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.queues VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '700', 'queue', '', '{101}', 15, 5, 0, 300, '600', 'default', '2026-12-01 04:12:51.308696+00', 20);


--
-- Data for Name: recordings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.recordings VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '0177af8a-a4f8-7d7f-bf12-ab5e3a6fa997', '0177af8a-a4f8-71ba-b7d5-676ec84fd921', '01a22fce-2f9b-7857-9497-aa2fc5b0c4d0', 'ready', 'a.wav', '2021-02-17 10:30:43+00', 3, 48044, '2026-12-01 04:12:51.308696+00', NULL, NULL, NULL);
INSERT INTO public.recordings VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '0177af8a-a4f8-73c8-af70-a43ddecaebf5', '0177af8a-a4f8-7cf1-a908-139439efea7b', '01a22fce-2f9b-7d9b-9231-810840f1a152', 'ready', 'a.wav', '2021-02-17 10:30:43+00', 3, 48044, '2026-12-01 04:12:51.308696+00', NULL, NULL, NULL);


--
-- Data for Name: report_days; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.report_days VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 0, '2026-11-30', '', 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);
INSERT INTO public.report_days VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 1, '2026-11-30', '19001919', 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);
INSERT INTO public.report_days VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 4, '2026-11-30', '101', 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);


--
-- Data for Name: report_hours; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.report_hours VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 0, '', '2026-11-30', 0, 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);
INSERT INTO public.report_hours VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 1, '19001919', '2026-11-30', 0, 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);
INSERT INTO public.report_hours VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', 4, '101', '2026-11-30', 0, 3, 2, 2, 0, 0, 0, 0, 0, 2, 16, 8, 6, 3);


--
-- Data for Name: ring_groups; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ring_groups VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '600', 'ring_group', '', 'ring_all', '{101,102}', 20, 60, '', 0, '2026-12-01 04:12:51.308696+00');


--
-- Data for Name: saved_searches; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: second_factors; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: subscriptions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.subscriptions VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '01a22fce-2fa5-71ca-ad5a-e14ab88652ea', 'ringing', 'https://crm.example.vn/', DEFAULT, 'v1', NULL, '\x7bc7144a1b2e11cd32cb3920226fc47fa31504d2e6d9c55a23f92ad085d6d655cbac904b83409cd8d23aad692abd513f17d97421596dad9d7030d0da56823b2ecf3f', NULL, NULL, true, '', NULL, '2026-12-01 04:12:51.49387+00', false, false, NULL, '');


--
-- Data for Name: timelines_20261201; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: timelines_20261202; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: timelines_20261203; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: timelines_20261204; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: timelines_default; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: trunk_registrations; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: trunks; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.trunks VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '01a22fce-2f8b-7baf-aef2-33cf01582582', 'carrier', 'registration', '203.0.113.7', 'udp', '{}', 'u', '\x99e457b640adb5745ccbbce79948df23e0b9a0b760873fb5b9235e2376e06cb07c342109166d2864b3f143a747299f1e99', '', '', '', 'national', false, 100, true, '2026-12-01 04:12:51.308696+00', false, 'auto', true, DEFAULT, 0);


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('01a22fce-2eec-7535-bd1a-2e6b7afea46d', '01a22fce-2f63-7732-98f5-8f9867855213', 'an', '$argon2id$v=19$m=19456,t=2,p=1$Zm036CK6J/Rstk4TcN5jSQ$jlkoB1FgqM9Ar/x3WYL4bmIP+W1lWz8DwwicXZ0UtmY', 'admin', true, '\x869eee1f744c9d202366394e43fda069cea429542ae32d1d42dd78f27ae7e6ae', '\xf960a43444e3340b48d48acc30c00782f5b94df738dc609ed213319ac7374f62b7369872483d789f472dc992c46be16d12bfa9be35ccd78d39cbed3138bef1f1', 1, NULL, '2026-12-01 04:12:51.308696+00', NULL, 0);


--
-- Name: audit_log_audit_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_log_audit_id_seq', 11, true);


--
-- Name: live_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.live_seq', 1, false);


--
-- Name: api_keys api_keys_domain_uuid_user_uuid_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_domain_uuid_user_uuid_name_key UNIQUE (domain_uuid, user_uuid, name);


--
-- Name: api_keys api_keys_key_digest_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_digest_key UNIQUE (key_digest);


--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (domain_uuid, api_key_uuid);


--
-- Name: attempts attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: attempts_20261201 attempts_20261201_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts_20261201
    ADD CONSTRAINT attempts_20261201_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: attempts_20261202 attempts_20261202_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts_20261202
    ADD CONSTRAINT attempts_20261202_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: attempts_20261203 attempts_20261203_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts_20261203
    ADD CONSTRAINT attempts_20261203_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: attempts_20261204 attempts_20261204_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts_20261204
    ADD CONSTRAINT attempts_20261204_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: attempts_default attempts_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts_default
    ADD CONSTRAINT attempts_default_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq, at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);


--
-- Name: bans bans_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bans
    ADD CONSTRAINT bans_pkey PRIMARY KEY (address);


--
-- Name: callers callers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.callers
    ADD CONSTRAINT callers_pkey PRIMARY KEY (domain_uuid, caller);


--
-- Name: calls calls_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (domain_uuid, call_uuid);


--
-- Name: cdr_days cdr_days_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_days
    ADD CONSTRAINT cdr_days_pkey PRIMARY KEY (domain_uuid, day, direction, status);


--
-- Name: cdr_ids cdr_ids_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_ids
    ADD CONSTRAINT cdr_ids_pkey PRIMARY KEY (domain_uuid, id, cdr_uuid);


--
-- Name: cdrs cdrs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdrs
    ADD CONSTRAINT cdrs_pkey PRIMARY KEY (domain_uuid, cdr_uuid);


--
-- Name: commands commands_domain_uuid_idempotency_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_domain_uuid_idempotency_key_key UNIQUE (domain_uuid, idempotency_key);


--
-- Name: commands commands_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (domain_uuid, command_uuid);


--
-- Name: deliveries deliveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (domain_uuid, subscription_uuid, seq);


--
-- Name: developer_links developer_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.developer_links
    ADD CONSTRAINT developer_links_pkey PRIMARY KEY (domain_uuid, link_uuid);


--
-- Name: devices devices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (domain_uuid, extension, name);


--
-- Name: dialables dialables_domain_uuid_number_kind_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dialables
    ADD CONSTRAINT dialables_domain_uuid_number_kind_key UNIQUE (domain_uuid, number, kind);


--
-- Name: dialables dialables_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dialables
    ADD CONSTRAINT dialables_pkey PRIMARY KEY (domain_uuid, number);


--
-- Name: domains domains_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_name_key UNIQUE (name);


--
-- Name: domains domains_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_pkey PRIMARY KEY (domain_uuid);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: events_20261201 events_20261201_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events_20261201
    ADD CONSTRAINT events_20261201_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: events_20261202 events_20261202_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events_20261202
    ADD CONSTRAINT events_20261202_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: events_20261203 events_20261203_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events_20261203
    ADD CONSTRAINT events_20261203_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: events_20261204 events_20261204_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events_20261204
    ADD CONSTRAINT events_20261204_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: events_default events_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events_default
    ADD CONSTRAINT events_default_pkey PRIMARY KEY (domain_uuid, seq, created_at);


--
-- Name: extensions extensions_domain_uuid_extension_uuid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.extensions
    ADD CONSTRAINT extensions_domain_uuid_extension_uuid_key UNIQUE (domain_uuid, extension_uuid);


--
-- Name: extensions extensions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.extensions
    ADD CONSTRAINT extensions_pkey PRIMARY KEY (domain_uuid, extension);


--
-- Name: hotlines hotlines_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hotlines
    ADD CONSTRAINT hotlines_pkey PRIMARY KEY (domain_uuid, canonical);


--
-- Name: hotlines hotlines_trunk_uuid_canonical_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hotlines
    ADD CONSTRAINT hotlines_trunk_uuid_canonical_key UNIQUE (trunk_uuid, canonical);


--
-- Name: hours_plans hours_plans_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hours_plans
    ADD CONSTRAINT hours_plans_pkey PRIMARY KEY (domain_uuid, name);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (domain_uuid, actor, key);


--
-- Name: live_leases live_leases_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.live_leases
    ADD CONSTRAINT live_leases_pkey PRIMARY KEY (domain_uuid, process_uuid);


--
-- Name: live_state live_state_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.live_state
    ADD CONSTRAINT live_state_pkey PRIMARY KEY (domain_uuid, kind, id);


--
-- Name: menus menus_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menus
    ADD CONSTRAINT menus_pkey PRIMARY KEY (domain_uuid, number);


--
-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);


--
-- Name: nodes nodes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (node);


--
-- Name: operators operators_api_key_digest_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.operators
    ADD CONSTRAINT operators_api_key_digest_key UNIQUE (api_key_digest);


--
-- Name: operators operators_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.operators
    ADD CONSTRAINT operators_pkey PRIMARY KEY (operator_uuid);


--
-- Name: operators operators_username_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.operators
    ADD CONSTRAINT operators_username_key UNIQUE (username);


--
-- Name: phone_credentials phone_credentials_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_credentials
    ADD CONSTRAINT phone_credentials_pkey PRIMARY KEY (domain_uuid, extension, username);


--
-- Name: prompt_audio prompt_audio_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_audio
    ADD CONSTRAINT prompt_audio_pkey PRIMARY KEY (domain_uuid, name);


--
-- Name: prompts prompts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_pkey PRIMARY KEY (domain_uuid, name);


--
-- Name: prompts prompts_prompt_uuid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_prompt_uuid_key UNIQUE (prompt_uuid);


--
-- Name: provisioning_links provisioning_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provisioning_links
    ADD CONSTRAINT provisioning_links_pkey PRIMARY KEY (domain_uuid, extension, name);


--
-- Name: queues queues_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (domain_uuid, number);


--
-- Name: recordings recordings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recordings
    ADD CONSTRAINT recordings_pkey PRIMARY KEY (domain_uuid, cdr_uuid, recording_uuid);


--
-- Name: report_days report_days_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_days
    ADD CONSTRAINT report_days_pkey PRIMARY KEY (domain_uuid, kind, day, name, direction);


--
-- Name: report_hours report_hours_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_hours
    ADD CONSTRAINT report_hours_pkey PRIMARY KEY (domain_uuid, kind, name, day, hour, direction);


--
-- Name: ring_groups ring_groups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ring_groups
    ADD CONSTRAINT ring_groups_pkey PRIMARY KEY (domain_uuid, number);


--
-- Name: saved_searches saved_searches_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_searches
    ADD CONSTRAINT saved_searches_pkey PRIMARY KEY (domain_uuid, account_uuid, name);


--
-- Name: second_factors second_factors_domain_uuid_user_uuid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_domain_uuid_user_uuid_key UNIQUE (domain_uuid, user_uuid);


--
-- Name: second_factors second_factors_operator_uuid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_operator_uuid_key UNIQUE (operator_uuid);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (session_uuid);


--
-- Name: sessions sessions_secret_digest_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_secret_digest_key UNIQUE (secret_digest);


--
-- Name: subscriptions subscriptions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (domain_uuid, subscription_uuid);


--
-- Name: timelines timelines_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines
    ADD CONSTRAINT timelines_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: timelines_20261201 timelines_20261201_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines_20261201
    ADD CONSTRAINT timelines_20261201_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: timelines_20261202 timelines_20261202_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines_20261202
    ADD CONSTRAINT timelines_20261202_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: timelines_20261203 timelines_20261203_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines_20261203
    ADD CONSTRAINT timelines_20261203_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: timelines_20261204 timelines_20261204_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines_20261204
    ADD CONSTRAINT timelines_20261204_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: timelines_default timelines_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timelines_default
    ADD CONSTRAINT timelines_default_pkey PRIMARY KEY (domain_uuid, call_uuid, written_at);


--
-- Name: trunk_registrations trunk_registrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunk_registrations
    ADD CONSTRAINT trunk_registrations_pkey PRIMARY KEY (domain_uuid, trunk_uuid);


--
-- Name: trunks trunks_domain_uuid_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunks
    ADD CONSTRAINT trunks_domain_uuid_name_key UNIQUE (domain_uuid, name);


--
-- Name: trunks trunks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunks
    ADD CONSTRAINT trunks_pkey PRIMARY KEY (domain_uuid, trunk_uuid);


--
-- Name: trunks trunks_trunk_uuid_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunks
    ADD CONSTRAINT trunks_trunk_uuid_key UNIQUE (trunk_uuid);


--
-- Name: users users_api_key_digest_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_api_key_digest_key UNIQUE (api_key_digest);


--
-- Name: users users_domain_uuid_username_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_domain_uuid_username_key UNIQUE (domain_uuid, username);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (domain_uuid, user_uuid);


--
-- Name: attempts_failed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_failed ON ONLY public.attempts USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: attempts_20261201_domain_uuid_subscription_uuid_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_20261201_domain_uuid_subscription_uuid_seq_idx ON public.attempts_20261201 USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: attempts_20261202_domain_uuid_subscription_uuid_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_20261202_domain_uuid_subscription_uuid_seq_idx ON public.attempts_20261202 USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: attempts_20261203_domain_uuid_subscription_uuid_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_20261203_domain_uuid_subscription_uuid_seq_idx ON public.attempts_20261203 USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: attempts_20261204_domain_uuid_subscription_uuid_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_20261204_domain_uuid_subscription_uuid_seq_idx ON public.attempts_20261204 USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: attempts_default_domain_uuid_subscription_uuid_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX attempts_default_domain_uuid_subscription_uuid_seq_idx ON public.attempts_default USING btree (domain_uuid, subscription_uuid, seq) WHERE (state = 'failed'::text);


--
-- Name: audit_log_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_at ON public.audit_log USING btree (at);


--
-- Name: audit_log_domain; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_domain ON public.audit_log USING btree (domain_uuid, audit_id);


--
-- Name: audit_log_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_name ON public.audit_log USING btree (domain_uuid, noun, name, audit_id);


--
-- Name: callers_destination; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX callers_destination ON public.callers USING btree (domain_uuid, destination) WHERE (destination <> ''::text);


--
-- Name: callers_patterns; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX callers_patterns ON public.callers USING btree (domain_uuid) WHERE (caller !~ '^[0-9]+$'::text);


--
-- Name: cdr_ids_cdr; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_ids_cdr ON public.cdr_ids USING btree (domain_uuid, cdr_uuid);


--
-- Name: cdr_participants_cdr; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_participants_cdr ON public.cdr_participants USING btree (domain_uuid, cdr_uuid);


--
-- Name: cdr_participants_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_participants_number ON public.cdr_participants USING btree (domain_uuid, number, time_started);


--
-- Name: cdr_sip_call_ids_cdr; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_sip_call_ids_cdr ON public.cdr_sip_call_ids USING btree (domain_uuid, cdr_uuid);


--
-- Name: cdr_sip_call_ids_hash; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_sip_call_ids_hash ON public.cdr_sip_call_ids USING btree (domain_uuid, hash);


--
-- Name: cdrs_by_called; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_called ON public.cdrs USING btree (domain_uuid, to_canonical, time_started) INCLUDE (from_canonical);


--
-- Name: cdrs_by_caller; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_caller ON public.cdrs USING btree (domain_uuid, from_canonical, time_started);


--
-- Name: cdrs_by_duration; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_duration ON public.cdrs USING btree (domain_uuid, duration, time_started);


--
-- Name: cdrs_by_extension; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_extension ON public.cdrs USING btree (domain_uuid, extension, time_started) INCLUDE (direction, status);


--
-- Name: cdrs_by_hotline; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_hotline ON public.cdrs USING btree (domain_uuid, hotline, time_started);


--
-- Name: cdrs_by_local_called; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_local_called ON public.cdrs USING btree (domain_uuid, to_canonical, time_started, cdr_uuid) INCLUDE (extension, from_canonical, status) WHERE (direction = 1);


--
-- Name: cdrs_by_local_caller; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_local_caller ON public.cdrs USING btree (domain_uuid, from_canonical, time_started, cdr_uuid) INCLUDE (extension, status) WHERE (direction = 1);


--
-- Name: cdrs_by_other_sip_call_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_other_sip_call_id ON public.cdrs USING btree (other_sip_call_id_hash) WHERE (other_sip_call_id_hash IS NOT NULL);


--
-- Name: cdrs_by_outcome; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_outcome ON public.cdrs USING btree (domain_uuid, direction, status, time_started);


--
-- Name: cdrs_by_sip_call_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_sip_call_id ON public.cdrs USING btree (sip_call_id_hash) WHERE (sip_call_id_hash IS NOT NULL);


--
-- Name: cdrs_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdrs_by_time ON public.cdrs USING btree (domain_uuid, time_started, cdr_uuid);


--
-- Name: commands_asked; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_asked ON public.commands USING btree (created_at) WHERE (state = 'asked'::text);


--
-- Name: commands_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_created ON public.commands USING btree (created_at);


--
-- Name: commands_taken; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_taken ON public.commands USING btree (node) WHERE (state = 'taken'::text);


--
-- Name: deliveries_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX deliveries_due ON public.deliveries USING btree (endpoint, due_at, seq);


--
-- Name: deliveries_elsewhere; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX deliveries_elsewhere ON public.deliveries USING btree (domain_uuid, endpoint) WHERE (callback_url IS NOT NULL);


--
-- Name: deliveries_order; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX deliveries_order ON public.deliveries USING btree (endpoint, call_uuid, seq);


--
-- Name: developer_links_secret; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX developer_links_secret ON public.developer_links USING btree (secret_digest);


--
-- Name: devices_one_mac; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX devices_one_mac ON public.devices USING btree (domain_uuid, mac) WHERE (mac <> ''::text);


--
-- Name: domains_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX domains_node ON public.domains USING btree (node);


--
-- Name: domains_recording_days; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX domains_recording_days ON public.domains USING btree (domain_uuid) WHERE (recording_days IS NOT NULL);


--
-- Name: events_event_uuid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_event_uuid ON ONLY public.events USING btree (event_uuid, domain_uuid);


--
-- Name: events_20261201_event_uuid_domain_uuid_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_20261201_event_uuid_domain_uuid_idx ON public.events_20261201 USING btree (event_uuid, domain_uuid);


--
-- Name: events_20261202_event_uuid_domain_uuid_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_20261202_event_uuid_domain_uuid_idx ON public.events_20261202 USING btree (event_uuid, domain_uuid);


--
-- Name: events_20261203_event_uuid_domain_uuid_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_20261203_event_uuid_domain_uuid_idx ON public.events_20261203 USING btree (event_uuid, domain_uuid);


--
-- Name: events_20261204_event_uuid_domain_uuid_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_20261204_event_uuid_domain_uuid_idx ON public.events_20261204 USING btree (event_uuid, domain_uuid);


--
-- Name: events_default_event_uuid_domain_uuid_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_default_event_uuid_domain_uuid_idx ON public.events_default USING btree (event_uuid, domain_uuid);


--
-- Name: hotlines_further_trunks; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX hotlines_further_trunks ON public.hotlines USING gin (further_trunks);


--
-- Name: hotlines_one_default; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX hotlines_one_default ON public.hotlines USING btree (domain_uuid) WHERE is_default;


--
-- Name: idempotency_keys_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_created ON public.idempotency_keys USING btree (created_at);


--
-- Name: live_state_seq; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX live_state_seq ON public.live_state USING btree (domain_uuid, seq);


--
-- Name: phone_credentials_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX phone_credentials_expiry ON public.phone_credentials USING btree (expires_at);


--
-- Name: provisioning_links_secret; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX provisioning_links_secret ON public.provisioning_links USING btree (secret_digest);


--
-- Name: recordings_left_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX recordings_left_over ON public.recordings USING btree (deleted_at, recording_uuid) WHERE ((status = 'deleted'::text) AND (file_key IS NOT NULL));


--
-- Name: recordings_ready; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX recordings_ready ON public.recordings USING btree (domain_uuid, started_at) WHERE (status = 'ready'::text);


--
-- Name: recordings_token; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX recordings_token ON public.recordings USING btree (token);


--
-- Name: sessions_link; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_link ON public.sessions USING btree (domain_uuid, link_uuid) WHERE (link_uuid IS NOT NULL);


--
-- Name: sessions_operator; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_operator ON public.sessions USING btree (operator_uuid);


--
-- Name: sessions_used; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_used ON public.sessions USING btree (used_at);


--
-- Name: sessions_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_user ON public.sessions USING btree (domain_uuid, user_uuid);


--
-- Name: subscriptions_endpoint; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX subscriptions_endpoint ON public.subscriptions USING btree (endpoint);


--
-- Name: subscriptions_event; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX subscriptions_event ON public.subscriptions USING btree (domain_uuid, event_name) WHERE enabled;


--
-- Name: trunks_one_auth_username; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX trunks_one_auth_username ON public.trunks USING btree (auth_username) WHERE (auth_username <> ''::text);


--
-- Name: attempts_20261201_domain_uuid_subscription_uuid_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_failed ATTACH PARTITION public.attempts_20261201_domain_uuid_subscription_uuid_seq_idx;


--
-- Name: attempts_20261201_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261201_pkey;


--
-- Name: attempts_20261202_domain_uuid_subscription_uuid_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_failed ATTACH PARTITION public.attempts_20261202_domain_uuid_subscription_uuid_seq_idx;


--
-- Name: attempts_20261202_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261202_pkey;


--
-- Name: attempts_20261203_domain_uuid_subscription_uuid_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_failed ATTACH PARTITION public.attempts_20261203_domain_uuid_subscription_uuid_seq_idx;


--
-- Name: attempts_20261203_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261203_pkey;


--
-- Name: attempts_20261204_domain_uuid_subscription_uuid_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_failed ATTACH PARTITION public.attempts_20261204_domain_uuid_subscription_uuid_seq_idx;


--
-- Name: attempts_20261204_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261204_pkey;


--
-- Name: attempts_default_domain_uuid_subscription_uuid_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_failed ATTACH PARTITION public.attempts_default_domain_uuid_subscription_uuid_seq_idx;


--
-- Name: attempts_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_default_pkey;


--
-- Name: events_20261201_event_uuid_domain_uuid_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_event_uuid ATTACH PARTITION public.events_20261201_event_uuid_domain_uuid_idx;


--
-- Name: events_20261201_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_20261201_pkey;


--
-- Name: events_20261202_event_uuid_domain_uuid_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_event_uuid ATTACH PARTITION public.events_20261202_event_uuid_domain_uuid_idx;


--
-- Name: events_20261202_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_20261202_pkey;


--
-- Name: events_20261203_event_uuid_domain_uuid_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_event_uuid ATTACH PARTITION public.events_20261203_event_uuid_domain_uuid_idx;


--
-- Name: events_20261203_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_20261203_pkey;


--
-- Name: events_20261204_event_uuid_domain_uuid_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_event_uuid ATTACH PARTITION public.events_20261204_event_uuid_domain_uuid_idx;


--
-- Name: events_20261204_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_20261204_pkey;


--
-- Name: events_default_event_uuid_domain_uuid_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_event_uuid ATTACH PARTITION public.events_default_event_uuid_domain_uuid_idx;


--
-- Name: events_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_default_pkey;


--
-- Name: timelines_20261201_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.timelines_pkey ATTACH PARTITION public.timelines_20261201_pkey;


--
-- Name: timelines_20261202_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.timelines_pkey ATTACH PARTITION public.timelines_20261202_pkey;


--
-- Name: timelines_20261203_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.timelines_pkey ATTACH PARTITION public.timelines_20261203_pkey;


--
-- Name: timelines_20261204_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.timelines_pkey ATTACH PARTITION public.timelines_20261204_pkey;


--
-- Name: timelines_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.timelines_pkey ATTACH PARTITION public.timelines_default_pkey;


--
-- Name: api_keys api_keys_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER api_keys_changed AFTER INSERT OR DELETE OR UPDATE OF name, key_digest, version, scopes, token_life_s, expires_at ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: api_keys audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('api_key', 'user_uuid name', 'last_used_at');


--
-- Name: bans audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER UPDATE ON public.bans FOR EACH ROW WHEN (((old.lifted_at IS NULL) AND (new.lifted_at IS NOT NULL) AND (new.until > now()))) EXECUTE FUNCTION public.write_audit_log('ban', 'address', '');


--
-- Name: callers audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.callers FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('caller', 'caller', '');


--
-- Name: commands audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT ON public.commands FOR EACH ROW WHEN ((new.name = ANY (ARRAY['hangup'::text, 'drop_phones'::text]))) EXECUTE FUNCTION public.write_audit_log_of_command();


--
-- Name: developer_links audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.developer_links FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('developer_link', 'name', 'opened_at opened_from link_uuid');


--
-- Name: devices audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.devices FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('device', 'extension name', 'password_changes');


--
-- Name: domains audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT ON public.domains FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('domain', 'name', 'event_seq');


--
-- Name: extensions audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.extensions FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('extension', 'extension', 'kind');


--
-- Name: hotlines audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.hotlines FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('hotline', 'number', '');


--
-- Name: hours_plans audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.hours_plans FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('hours_plan', 'name', '');


--
-- Name: menus audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.menus FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('menu', 'number', 'kind');


--
-- Name: operators audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.operators FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('operator', 'username', 'password_changes');


--
-- Name: phone_credentials audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT ON public.phone_credentials FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('phone_credential', 'extension username', '');


--
-- Name: prompts audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.prompts FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('prompt', 'name', 'prompt_uuid');


--
-- Name: provisioning_links audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.provisioning_links FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('provisioning_link', 'extension name', 'fetched_at fetched_from user_agent');


--
-- Name: queues audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.queues FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('queue', 'number', 'kind');


--
-- Name: ring_groups audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.ring_groups FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('ring_group', 'number', 'kind next_member');


--
-- Name: second_factors audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE ON public.second_factors FOR EACH ROW EXECUTE FUNCTION public.write_audit_log_of_second_factor();


--
-- Name: sessions audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT ON public.sessions FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('session', 'address', 'user_uuid operator_uuid link_uuid session_uuid used_at secret_digest');


--
-- Name: subscriptions audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('subscription', 'event_name callback_url', 'endpoint failing_since');


--
-- Name: trunks audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.trunks FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('trunk', 'name', 'password_changes');


--
-- Name: users audit; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.write_audit_log('user', 'username', 'password_changes');


--
-- Name: domains audit_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_change AFTER UPDATE ON public.domains FOR EACH ROW WHEN ((old.event_seq = new.event_seq)) EXECUTE FUNCTION public.write_audit_log('domain', 'name', 'zone_rules');


--
-- Name: commands audit_control; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_control AFTER INSERT ON public.commands FOR EACH ROW WHEN (((new.name <> 'hangup'::text) AND ((new.body)::jsonb ? 'call_uuid'::text))) EXECUTE FUNCTION public.write_audit_log_of_control();


--
-- Name: domains audit_deletion; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_deletion AFTER DELETE ON public.domains FOR EACH ROW EXECUTE FUNCTION public.write_audit_log_of_deletion();


--
-- Name: commands audit_trunk_trial; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_trunk_trial AFTER INSERT ON public.commands FOR EACH ROW WHEN ((new.name = 'try_trunk'::text)) EXECUTE FUNCTION public.write_audit_log_of_trunk_trial();


--
-- Name: bans bans_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER bans_changed AFTER INSERT OR DELETE OR UPDATE ON public.bans FOR EACH ROW EXECUTE FUNCTION public.notify_bans();


--
-- Name: callers callers_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER callers_changed AFTER INSERT OR DELETE OR UPDATE ON public.callers FOR EACH ROW EXECUTE FUNCTION public.notify_caller();


--
-- Name: commands commands_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER commands_changed AFTER INSERT OR UPDATE ON public.commands FOR EACH ROW EXECUTE FUNCTION public.notify_command();


--
-- Name: devices devices_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER devices_changed AFTER INSERT OR DELETE OR UPDATE OF kind ON public.devices FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: devices devices_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER devices_object AFTER INSERT OR DELETE OR UPDATE ON public.devices FOR EACH ROW EXECUTE FUNCTION public.notify_extension_object();


--
-- Name: domains domains_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone, country_code, region, call_id_mode, recording, recording_days, max_calls, destinations, calls_per_minute, minutes_per_day, suspended_until, node, ringing_hangups, webrtc ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_click2call_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_click2call_changed AFTER UPDATE OF click2call_waits ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_feature_codes_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_feature_codes_changed AFTER UPDATE OF feature_codes ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_hold_music_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_hold_music_changed AFTER UPDATE OF hold_music ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_hold_music_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_hold_music_object AFTER UPDATE OF hold_music ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_domain_object();


--
-- Name: domains domains_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_object AFTER INSERT OR DELETE OR UPDATE OF enabled, node ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_domain_object();


--
-- Name: domains domains_park_timeout_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_park_timeout_changed AFTER UPDATE OF park_timeout_s ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_phones_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_phones_changed AFTER UPDATE OF click2call_shows_callee ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: domains domains_prompts; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_prompts AFTER UPDATE OF node ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_prompts();


--
-- Name: domains domains_recording_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER domains_recording_changed AFTER UPDATE OF recording_format, recording_stereo ON public.domains FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: extensions extensions_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER extensions_changed AFTER INSERT OR DELETE OR UPDATE ON public.extensions FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: extensions extensions_name_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER extensions_name_object AFTER UPDATE OF name ON public.extensions FOR EACH ROW EXECUTE FUNCTION public.notify_extension_object();


--
-- Name: extensions extensions_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER extensions_object AFTER UPDATE OF enabled ON public.extensions FOR EACH ROW EXECUTE FUNCTION public.notify_extension_object();


--
-- Name: hotlines hotlines_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hotlines_changed AFTER INSERT OR DELETE OR UPDATE ON public.hotlines FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: hotlines hotlines_further_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hotlines_further_object AFTER INSERT OR DELETE OR UPDATE OF further_trunks ON public.hotlines FOR EACH ROW EXECUTE FUNCTION public.notify_further_trunks();


--
-- Name: hotlines hotlines_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hotlines_object AFTER INSERT OR DELETE OR UPDATE OF trunk_uuid ON public.hotlines FOR EACH ROW EXECUTE FUNCTION public.notify_trunk_objects();


--
-- Name: hours_plans hours_plans_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hours_plans_changed AFTER INSERT OR DELETE OR UPDATE ON public.hours_plans FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: menus menus_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER menus_changed AFTER INSERT OR DELETE OR UPDATE ON public.menus FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: devices password_changes; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_changes BEFORE UPDATE ON public.devices FOR EACH ROW WHEN ((old.digest_md5 <> new.digest_md5)) EXECUTE FUNCTION public.count_password_change();


--
-- Name: operators password_changes; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_changes BEFORE UPDATE ON public.operators FOR EACH ROW WHEN ((old.password_hash <> new.password_hash)) EXECUTE FUNCTION public.count_password_change();


--
-- Name: trunks password_changes; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_changes BEFORE UPDATE ON public.trunks FOR EACH ROW WHEN ((old.password_encrypted IS DISTINCT FROM new.password_encrypted)) EXECUTE FUNCTION public.count_password_change();


--
-- Name: users password_changes; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_changes BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((old.password_hash <> new.password_hash)) EXECUTE FUNCTION public.count_password_change();


--
-- Name: operators password_ends_sessions; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_ends_sessions AFTER UPDATE ON public.operators FOR EACH ROW WHEN ((old.password_hash <> new.password_hash)) EXECUTE FUNCTION public.end_sessions();


--
-- Name: users password_ends_sessions; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER password_ends_sessions AFTER UPDATE ON public.users FOR EACH ROW WHEN ((old.password_hash <> new.password_hash)) EXECUTE FUNCTION public.end_sessions();


--
-- Name: phone_credentials phone_credentials_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER phone_credentials_object AFTER INSERT OR DELETE ON public.phone_credentials FOR EACH ROW EXECUTE FUNCTION public.notify_extension_object();


--
-- Name: prompts prompts_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER prompts_changed AFTER INSERT OR DELETE OR UPDATE ON public.prompts FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: prompts prompts_files; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER prompts_files AFTER INSERT OR DELETE OR UPDATE ON public.prompts FOR EACH STATEMENT EXECUTE FUNCTION public.notify_prompts();


--
-- Name: queues queues_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER queues_changed AFTER INSERT OR DELETE OR UPDATE ON public.queues FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: ring_groups ring_groups_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER ring_groups_changed AFTER INSERT OR DELETE OR UPDATE OF name, strategy, members, ring_timeout_s, timeout_s, overflow ON public.ring_groups FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: operators saved_searches_go; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER saved_searches_go AFTER DELETE ON public.operators FOR EACH ROW EXECUTE FUNCTION public.delete_saved_searches();


--
-- Name: users saved_searches_go; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER saved_searches_go AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.delete_saved_searches();


--
-- Name: sessions sessions_ended; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER sessions_ended AFTER DELETE ON public.sessions FOR EACH ROW WHEN ((old.domain_uuid IS NOT NULL)) EXECUTE FUNCTION public.notify_directory();


--
-- Name: trunks trunks_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER trunks_changed AFTER INSERT OR DELETE OR UPDATE ON public.trunks FOR EACH ROW EXECUTE FUNCTION public.notify_trunk();


--
-- Name: trunks trunks_object; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER trunks_object AFTER INSERT OR DELETE OR UPDATE ON public.trunks FOR EACH ROW EXECUTE FUNCTION public.notify_trunk_objects();


--
-- Name: users users_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER users_changed AFTER INSERT OR DELETE OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.notify_directory();


--
-- Name: api_keys api_keys_domain_uuid_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_domain_uuid_user_uuid_fkey FOREIGN KEY (domain_uuid, user_uuid) REFERENCES public.users(domain_uuid, user_uuid) ON DELETE CASCADE;


--
-- Name: callers callers_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.callers
    ADD CONSTRAINT callers_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: calls calls_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: cdr_days cdr_days_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_days
    ADD CONSTRAINT cdr_days_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: cdr_ids cdr_ids_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_ids
    ADD CONSTRAINT cdr_ids_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: cdr_participants cdr_participants_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_participants
    ADD CONSTRAINT cdr_participants_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: cdr_sip_call_ids cdr_sip_call_ids_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr_sip_call_ids
    ADD CONSTRAINT cdr_sip_call_ids_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: cdrs cdrs_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdrs
    ADD CONSTRAINT cdrs_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: commands commands_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: developer_links developer_links_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.developer_links
    ADD CONSTRAINT developer_links_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid);


--
-- Name: devices devices_domain_uuid_extension_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_domain_uuid_extension_fkey FOREIGN KEY (domain_uuid, extension) REFERENCES public.extensions(domain_uuid, extension) ON DELETE CASCADE;


--
-- Name: dialables dialables_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dialables
    ADD CONSTRAINT dialables_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: extensions extensions_domain_uuid_extension_kind_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.extensions
    ADD CONSTRAINT extensions_domain_uuid_extension_kind_fkey FOREIGN KEY (domain_uuid, extension, kind) REFERENCES public.dialables(domain_uuid, number, kind) ON DELETE CASCADE;


--
-- Name: hotlines hotlines_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hotlines
    ADD CONSTRAINT hotlines_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: hotlines hotlines_domain_uuid_hours_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hotlines
    ADD CONSTRAINT hotlines_domain_uuid_hours_fkey FOREIGN KEY (domain_uuid, hours) REFERENCES public.hours_plans(domain_uuid, name);


--
-- Name: hotlines hotlines_trunk_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hotlines
    ADD CONSTRAINT hotlines_trunk_uuid_fkey FOREIGN KEY (trunk_uuid) REFERENCES public.trunks(trunk_uuid);


--
-- Name: hours_plans hours_plans_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hours_plans
    ADD CONSTRAINT hours_plans_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: live_leases live_leases_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.live_leases
    ADD CONSTRAINT live_leases_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: live_state live_state_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.live_state
    ADD CONSTRAINT live_state_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: menus menus_domain_uuid_number_kind_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menus
    ADD CONSTRAINT menus_domain_uuid_number_kind_fkey FOREIGN KEY (domain_uuid, number, kind) REFERENCES public.dialables(domain_uuid, number, kind) ON DELETE CASCADE;


--
-- Name: phone_credentials phone_credentials_domain_uuid_extension_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.phone_credentials
    ADD CONSTRAINT phone_credentials_domain_uuid_extension_fkey FOREIGN KEY (domain_uuid, extension) REFERENCES public.extensions(domain_uuid, extension) ON DELETE CASCADE;


--
-- Name: prompt_audio prompt_audio_domain_uuid_name_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_audio
    ADD CONSTRAINT prompt_audio_domain_uuid_name_fkey FOREIGN KEY (domain_uuid, name) REFERENCES public.prompts(domain_uuid, name) ON DELETE CASCADE;


--
-- Name: prompts prompts_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: provisioning_links provisioning_links_domain_uuid_extension_name_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provisioning_links
    ADD CONSTRAINT provisioning_links_domain_uuid_extension_name_fkey FOREIGN KEY (domain_uuid, extension, name) REFERENCES public.devices(domain_uuid, extension, name) ON DELETE CASCADE;


--
-- Name: queues queues_domain_uuid_number_kind_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.queues
    ADD CONSTRAINT queues_domain_uuid_number_kind_fkey FOREIGN KEY (domain_uuid, number, kind) REFERENCES public.dialables(domain_uuid, number, kind) ON DELETE CASCADE;


--
-- Name: recordings recordings_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recordings
    ADD CONSTRAINT recordings_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: report_days report_days_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_days
    ADD CONSTRAINT report_days_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: report_hours report_hours_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_hours
    ADD CONSTRAINT report_hours_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: ring_groups ring_groups_domain_uuid_number_kind_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ring_groups
    ADD CONSTRAINT ring_groups_domain_uuid_number_kind_fkey FOREIGN KEY (domain_uuid, number, kind) REFERENCES public.dialables(domain_uuid, number, kind) ON DELETE CASCADE;


--
-- Name: saved_searches saved_searches_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.saved_searches
    ADD CONSTRAINT saved_searches_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid);


--
-- Name: second_factors second_factors_domain_uuid_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_domain_uuid_user_uuid_fkey FOREIGN KEY (domain_uuid, user_uuid) REFERENCES public.users(domain_uuid, user_uuid) ON DELETE CASCADE;


--
-- Name: second_factors second_factors_operator_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_operator_uuid_fkey FOREIGN KEY (operator_uuid) REFERENCES public.operators(operator_uuid) ON DELETE CASCADE;


--
-- Name: sessions sessions_domain_uuid_link_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_domain_uuid_link_uuid_fkey FOREIGN KEY (domain_uuid, link_uuid) REFERENCES public.developer_links(domain_uuid, link_uuid) ON DELETE CASCADE;


--
-- Name: sessions sessions_domain_uuid_user_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_domain_uuid_user_uuid_fkey FOREIGN KEY (domain_uuid, user_uuid) REFERENCES public.users(domain_uuid, user_uuid) ON DELETE CASCADE;


--
-- Name: sessions sessions_operator_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_operator_uuid_fkey FOREIGN KEY (operator_uuid) REFERENCES public.operators(operator_uuid) ON DELETE CASCADE;


--
-- Name: subscriptions subscriptions_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: trunk_registrations trunk_registrations_domain_uuid_trunk_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunk_registrations
    ADD CONSTRAINT trunk_registrations_domain_uuid_trunk_uuid_fkey FOREIGN KEY (domain_uuid, trunk_uuid) REFERENCES public.trunks(domain_uuid, trunk_uuid) ON DELETE CASCADE;


--
-- Name: trunks trunks_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trunks
    ADD CONSTRAINT trunks_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: users users_domain_uuid_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_domain_uuid_fkey FOREIGN KEY (domain_uuid) REFERENCES public.domains(domain_uuid) ON DELETE CASCADE;


--
-- Name: api_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: attempts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.attempts ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: callers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.callers ENABLE ROW LEVEL SECURITY;

--
-- Name: calls; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.calls ENABLE ROW LEVEL SECURITY;

--
-- Name: cdr_days; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.cdr_days ENABLE ROW LEVEL SECURITY;

--
-- Name: cdr_ids; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.cdr_ids ENABLE ROW LEVEL SECURITY;

--
-- Name: cdr_participants; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.cdr_participants ENABLE ROW LEVEL SECURITY;

--
-- Name: cdr_sip_call_ids; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.cdr_sip_call_ids ENABLE ROW LEVEL SECURITY;

--
-- Name: cdrs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.cdrs ENABLE ROW LEVEL SECURITY;

--
-- Name: commands; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.commands ENABLE ROW LEVEL SECURITY;

--
-- Name: deliveries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.deliveries ENABLE ROW LEVEL SECURITY;

--
-- Name: developer_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.developer_links ENABLE ROW LEVEL SECURITY;

--
-- Name: devices; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.devices ENABLE ROW LEVEL SECURITY;

--
-- Name: dialables; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.dialables ENABLE ROW LEVEL SECURITY;

--
-- Name: domains; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.domains ENABLE ROW LEVEL SECURITY;

--
-- Name: events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;

--
-- Name: extensions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.extensions ENABLE ROW LEVEL SECURITY;

--
-- Name: hotlines; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.hotlines ENABLE ROW LEVEL SECURITY;

--
-- Name: hours_plans; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.hours_plans ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: live_leases; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.live_leases ENABLE ROW LEVEL SECURITY;

--
-- Name: live_state; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.live_state ENABLE ROW LEVEL SECURITY;

--
-- Name: menus; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.menus ENABLE ROW LEVEL SECURITY;

--
-- Name: phone_credentials; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.phone_credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: prompt_audio; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.prompt_audio ENABLE ROW LEVEL SECURITY;

--
-- Name: prompts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.prompts ENABLE ROW LEVEL SECURITY;

--
-- Name: provisioning_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.provisioning_links ENABLE ROW LEVEL SECURITY;

--
-- Name: queues; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.queues ENABLE ROW LEVEL SECURITY;

--
-- Name: recordings; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.recordings ENABLE ROW LEVEL SECURITY;

--
-- Name: report_days; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.report_days ENABLE ROW LEVEL SECURITY;

--
-- Name: report_hours; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.report_hours ENABLE ROW LEVEL SECURITY;

--
-- Name: ring_groups; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.ring_groups ENABLE ROW LEVEL SECURITY;

--
-- Name: saved_searches; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.saved_searches ENABLE ROW LEVEL SECURITY;

--
-- Name: second_factors; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.second_factors ENABLE ROW LEVEL SECURITY;

--
-- Name: sessions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: subscriptions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.subscriptions ENABLE ROW LEVEL SECURITY;

--
-- Name: api_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.api_keys TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: attempts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.attempts TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: audit_log tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit_log TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: callers tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.callers TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: calls tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.calls TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: cdr_days tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.cdr_days TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: cdr_ids tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.cdr_ids TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: cdr_participants tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.cdr_participants TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: cdr_sip_call_ids tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.cdr_sip_call_ids TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: cdrs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.cdrs TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: commands tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.commands TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: deliveries tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.deliveries TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: developer_links tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.developer_links TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: devices tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.devices TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: dialables tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.dialables TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: domains tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.domains TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: events tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.events TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: extensions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.extensions TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: hotlines tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.hotlines TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: hours_plans tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.hours_plans TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: idempotency_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.idempotency_keys TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: live_leases tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.live_leases TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: live_state tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.live_state TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: menus tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.menus TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: phone_credentials tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.phone_credentials TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: prompt_audio tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.prompt_audio TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: prompts tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.prompts TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: provisioning_links tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.provisioning_links TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: queues tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.queues TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: recordings tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.recordings TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: report_days tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.report_days TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: report_hours tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.report_hours TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: ring_groups tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.ring_groups TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: saved_searches tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.saved_searches TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: second_factors tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.second_factors TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: sessions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.sessions TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: subscriptions tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.subscriptions TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: timelines tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.timelines TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: trunk_registrations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.trunk_registrations TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: trunks tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.trunks TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: users tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.users TO tongdai_tenant USING ((domain_uuid = (NULLIF(current_setting('tongdai.domain'::text, true), ''::text))::uuid));


--
-- Name: timelines; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.timelines ENABLE ROW LEVEL SECURITY;

--
-- Name: trunk_registrations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.trunk_registrations ENABLE ROW LEVEL SECURITY;

--
-- Name: trunks; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.trunks ENABLE ROW LEVEL SECURITY;

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO tongdai_tenant;


--
-- Name: TABLE api_keys; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.api_key_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(api_key_uuid) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.user_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(user_uuid) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name),UPDATE(name) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.key_digest; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(key_digest) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(version),UPDATE(version) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.scopes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(scopes),UPDATE(scopes) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.token_life_s; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(token_life_s),UPDATE(token_life_s) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.expires_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(expires_at),UPDATE(expires_at) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.last_used_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(last_used_at),UPDATE(last_used_at) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: COLUMN api_keys.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.api_keys TO tongdai_tenant;


--
-- Name: TABLE attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.attempts TO tongdai_tenant;


--
-- Name: TABLE audit_log; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.audit_log TO tongdai_tenant;


--
-- Name: TABLE callers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.callers TO tongdai_tenant;


--
-- Name: COLUMN calls.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: COLUMN calls.call_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(call_uuid) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: COLUMN calls.state; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(state) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: COLUMN calls.started_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(started_at) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: COLUMN calls.over_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(over_at) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: COLUMN calls.outstanding; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(outstanding) ON TABLE public.calls TO tongdai_tenant;


--
-- Name: TABLE cdr_days; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cdr_days TO tongdai_tenant;


--
-- Name: TABLE cdr_ids; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cdr_ids TO tongdai_tenant;


--
-- Name: TABLE cdr_participants; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cdr_participants TO tongdai_tenant;


--
-- Name: TABLE cdr_sip_call_ids; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cdr_sip_call_ids TO tongdai_tenant;


--
-- Name: TABLE cdrs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cdrs TO tongdai_tenant;


--
-- Name: TABLE commands; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.commands TO tongdai_tenant;


--
-- Name: TABLE deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO tongdai_tenant;


--
-- Name: TABLE developer_links; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.link_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(link_uuid) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.expires_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(expires_at) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.opened_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(opened_at) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: COLUMN developer_links.opened_from; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(opened_from) ON TABLE public.developer_links TO tongdai_tenant;


--
-- Name: TABLE devices; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.extension; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(extension) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.kind; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(kind),UPDATE(kind) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.max_contacts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(max_contacts),UPDATE(max_contacts) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.digest_md5; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(digest_md5) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.digest_sha256; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(digest_sha256) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.srtp_required; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(srtp_required),UPDATE(srtp_required) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.digest_md5_full; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(digest_md5_full) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.digest_sha256_full; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(digest_sha256_full) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.password_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(password_changes) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: COLUMN devices.mac; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(mac),UPDATE(mac) ON TABLE public.devices TO tongdai_tenant;


--
-- Name: TABLE dialables; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.dialables TO tongdai_tenant;


--
-- Name: COLUMN dialables.kind; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(kind) ON TABLE public.dialables TO tongdai_tenant;


--
-- Name: TABLE domains; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.call_id_mode; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(call_id_mode) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.recording; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(recording) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.recording_days; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(recording_days) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.event_seq; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(event_seq) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.ringing_hangups; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(ringing_hangups) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.click2call_shows_callee; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(click2call_shows_callee) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.click2call_waits; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(click2call_waits) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.hold_music; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(hold_music) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.feature_codes; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(feature_codes) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.park_timeout_s; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(park_timeout_s) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.recording_format; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(recording_format) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: COLUMN domains.recording_stereo; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(recording_stereo) ON TABLE public.domains TO tongdai_tenant;


--
-- Name: TABLE events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.events TO tongdai_tenant;


--
-- Name: TABLE extensions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.extension; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(extension) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name),UPDATE(name) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.enabled; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(enabled),UPDATE(enabled) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.recording; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(recording),UPDATE(recording) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.hotline; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(hotline),UPDATE(hotline) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.max_calls; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(max_calls),UPDATE(max_calls) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.ring_timeout_s; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(ring_timeout_s),UPDATE(ring_timeout_s) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.suspended_until; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(suspended_until),UPDATE(suspended_until) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.suspended_why; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(suspended_why) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.user_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(user_uuid) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.follow_me; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(follow_me) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.forward_always; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(forward_always) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.forward_busy; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(forward_busy) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.forward_no_answer; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(forward_no_answer) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.forward_unreachable; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(forward_unreachable) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: COLUMN extensions.do_not_disturb; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(do_not_disturb) ON TABLE public.extensions TO tongdai_tenant;


--
-- Name: TABLE hotlines; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.name; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(name) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.destination; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(destination) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.is_default; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(is_default) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.enabled; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(enabled) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.hours; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(hours) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.closed_destination; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(closed_destination) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: COLUMN hotlines.closed_cause; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(closed_cause) ON TABLE public.hotlines TO tongdai_tenant;


--
-- Name: TABLE hours_plans; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hours_plans TO tongdai_tenant;


--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.idempotency_keys TO tongdai_tenant;


--
-- Name: TABLE menus; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.menus TO tongdai_tenant;


--
-- Name: TABLE phone_credentials; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: COLUMN phone_credentials.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: COLUMN phone_credentials.extension; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(extension) ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: COLUMN phone_credentials.username; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(username) ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: COLUMN phone_credentials.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: COLUMN phone_credentials.expires_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(expires_at) ON TABLE public.phone_credentials TO tongdai_tenant;


--
-- Name: TABLE prompt_audio; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.prompt_audio TO tongdai_tenant;


--
-- Name: COLUMN prompt_audio.wav_8k; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(wav_8k) ON TABLE public.prompt_audio TO tongdai_tenant;


--
-- Name: COLUMN prompt_audio.wav_16k; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(wav_16k) ON TABLE public.prompt_audio TO tongdai_tenant;


--
-- Name: TABLE prompts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.prompts TO tongdai_tenant;


--
-- Name: COLUMN prompts.sha256; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(sha256) ON TABLE public.prompts TO tongdai_tenant;


--
-- Name: COLUMN prompts.duration_s; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(duration_s) ON TABLE public.prompts TO tongdai_tenant;


--
-- Name: TABLE provisioning_links; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.extension; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(extension) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.kind; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(kind) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.expires_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(expires_at) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.fetched_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(fetched_at) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.fetched_from; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(fetched_from) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: COLUMN provisioning_links.user_agent; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(user_agent) ON TABLE public.provisioning_links TO tongdai_tenant;


--
-- Name: TABLE queues; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queues TO tongdai_tenant;


--
-- Name: TABLE recordings; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.recordings TO tongdai_tenant;


--
-- Name: COLUMN recordings.status; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(status) ON TABLE public.recordings TO tongdai_tenant;


--
-- Name: COLUMN recordings.deleted_at; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(deleted_at) ON TABLE public.recordings TO tongdai_tenant;


--
-- Name: TABLE report_days; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.report_days TO tongdai_tenant;


--
-- Name: TABLE report_hours; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.report_hours TO tongdai_tenant;


--
-- Name: TABLE ring_groups; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ring_groups TO tongdai_tenant;


--
-- Name: TABLE saved_searches; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.saved_searches TO tongdai_tenant;


--
-- Name: TABLE second_factors; Type: ACL; Schema: public; Owner: -
--

GRANT DELETE ON TABLE public.second_factors TO tongdai_tenant;


--
-- Name: COLUMN second_factors.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.second_factors TO tongdai_tenant;


--
-- Name: COLUMN second_factors.user_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(user_uuid) ON TABLE public.second_factors TO tongdai_tenant;


--
-- Name: COLUMN second_factors.operator_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(operator_uuid) ON TABLE public.second_factors TO tongdai_tenant;


--
-- Name: COLUMN second_factors.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.second_factors TO tongdai_tenant;


--
-- Name: TABLE subscriptions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriptions TO tongdai_tenant;


--
-- Name: TABLE timelines; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.timelines TO tongdai_tenant;


--
-- Name: TABLE trunk_registrations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.trunk_registrations TO tongdai_tenant;


--
-- Name: COLUMN trunks.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.trunk_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(trunk_uuid) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.auth; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(auth) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.host; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(host) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.transport; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(transport) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.addresses; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(addresses) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.username; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(username) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.auth_username; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(auth_username) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.from_user; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(from_user) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.from_domain; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(from_domain) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.number_format; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(number_format) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.shared; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(shared) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.max_calls; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(max_calls) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.enabled; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(enabled) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.transfers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(transfers) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.called_number_in; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(called_number_in) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.qualify; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(qualify) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.carrier_key; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(carrier_key) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: COLUMN trunks.password_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(password_changes) ON TABLE public.trunks TO tongdai_tenant;


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT,DELETE ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.domain_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(domain_uuid) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.user_uuid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(user_uuid) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.username; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(username) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.password_hash; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(password_hash) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.level; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(level),UPDATE(level) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.enabled; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(enabled),UPDATE(enabled) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.api_key_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(api_key_version) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.api_key_scopes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(api_key_scopes) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(created_at) ON TABLE public.users TO tongdai_tenant;


--
-- Name: COLUMN users.password_changes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(password_changes) ON TABLE public.users TO tongdai_tenant;


--
-- PostgreSQL database dump complete
--

\unrestrict L3sSeyM8i94zZvFkCRy1mBDRUwSVmk1ughniOnY10oZNcemRSkVakq7AcWbk6CX

