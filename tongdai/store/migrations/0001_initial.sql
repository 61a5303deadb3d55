-- The whole of version 1. Every tenant table carries domain_uuid first in its key: it shards by tenant.

CREATE TABLE domains (
  domain_uuid     uuid PRIMARY KEY,
  name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$'),  -- also the SIP domain; fixed, since SIP digests hold it
  enabled         boolean NOT NULL DEFAULT true,
  time_zone       text NOT NULL DEFAULT 'Asia/Ho_Chi_Minh',
  country_code    text NOT NULL DEFAULT '84' CHECK (country_code ~ '^[1-9][0-9]{0,2}$'),
  call_id_mode    text NOT NULL DEFAULT 'leg' CHECK (call_id_mode IN ('leg', 'conversation')),
  recording       boolean NOT NULL DEFAULT true,
  recording_days  integer CHECK (recording_days > 0),            -- NULL: kept for ever
  max_calls       integer NOT NULL DEFAULT 100 CHECK (max_calls > 0),
  event_seq       bigint NOT NULL DEFAULT 0,                     -- sequence number of the domain's newest event
  created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  user_uuid       uuid NOT NULL,
  username        text NOT NULL CHECK (username ~ '^[a-z0-9._+-]{1,64}$'),
  password_hash   text NOT NULL,                                 -- argon2id
  level           text NOT NULL DEFAULT 'admin' CHECK (level IN ('admin', 'user')),
  enabled         boolean NOT NULL DEFAULT true,
  api_key_digest  bytea NOT NULL UNIQUE,                         -- looked up by this
  api_key_sealed  bytea NOT NULL,                                -- login shows it again
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, user_uuid),
  UNIQUE (domain_uuid, username)
);

-- Every number that can be dialled inside a domain, once, whatever it leads to.
CREATE TABLE dialables (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  number          text NOT NULL CHECK (number ~ '^[0-9]{2,8}$'),
  kind            text NOT NULL CHECK (kind IN ('extension', 'ring_group', 'queue')),
  PRIMARY KEY (domain_uuid, number),
  UNIQUE (domain_uuid, number, kind)
);

CREATE TABLE extensions (
  domain_uuid     uuid NOT NULL,
  extension       text NOT NULL,
  kind            text NOT NULL DEFAULT 'extension' CHECK (kind = 'extension'),
  name            text NOT NULL DEFAULT '',
  digest_md5      text NOT NULL,                                 -- RFC 8760 HA1 over extension:domain:password, hex
  digest_sha256   text NOT NULL,
  enabled         boolean NOT NULL DEFAULT true,
  recording       boolean,                                       -- NULL: as the domain says
  hotline         text,                                          -- shown on outbound calls; NULL: the domain's default
  max_calls       integer NOT NULL DEFAULT 2 CHECK (max_calls > 0),
  ring_timeout_s  integer NOT NULL DEFAULT 30 CHECK (ring_timeout_s BETWEEN 5 AND 300),
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, extension),
  FOREIGN KEY (domain_uuid, extension, kind) REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);

CREATE TABLE trunks (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  trunk_uuid      uuid NOT NULL UNIQUE,
  name            text NOT NULL,
  auth            text NOT NULL CHECK (auth IN ('ip', 'digest', 'registration')),
  host            text NOT NULL,                                 -- carrier's address or name, with :port where not 5060
  transport       text NOT NULL DEFAULT 'udp' CHECK (transport IN ('udp', 'tcp', 'tls')),
  addresses       text[] NOT NULL DEFAULT '{}',                  -- where its calls come from (IP or CIDR); empty: host
  username        text NOT NULL DEFAULT '',
  password_sealed bytea,
  from_user       text NOT NULL DEFAULT '',
  from_domain     text NOT NULL DEFAULT '',
  number_format   text NOT NULL DEFAULT 'national' CHECK (number_format IN ('national', 'e164', 'plain')),
  shared          boolean NOT NULL DEFAULT false,                -- the operator's: other domains' hotlines may use it
  max_calls       integer NOT NULL DEFAULT 100 CHECK (max_calls > 0),
  enabled         boolean NOT NULL DEFAULT true,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, trunk_uuid),
  UNIQUE (domain_uuid, name)
);

CREATE TABLE hotlines (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  number          text NOT NULL,                                 -- as people write it
  canonical       text NOT NULL,                                 -- E.164 digits without +, or the short number itself
  trunk_uuid      uuid NOT NULL REFERENCES trunks (trunk_uuid),
  name            text NOT NULL DEFAULT '',
  destination     text NOT NULL DEFAULT '',                      -- a dialable number of the domain; '' refuses inbound calls
  is_default      boolean NOT NULL DEFAULT false,
  enabled         boolean NOT NULL DEFAULT true,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, canonical),
  UNIQUE (trunk_uuid, canonical)
);
CREATE UNIQUE INDEX hotlines_one_default ON hotlines (domain_uuid) WHERE is_default;

CREATE TABLE ring_groups (
  domain_uuid     uuid NOT NULL,
  number          text NOT NULL,
  kind            text NOT NULL DEFAULT 'ring_group' CHECK (kind = 'ring_group'),
  name            text NOT NULL DEFAULT '',
  strategy        text NOT NULL DEFAULT 'ring_all' CHECK (strategy IN ('ring_all', 'sequential', 'round_robin')),
  members         text[] NOT NULL DEFAULT '{}',                  -- extensions, in order
  ring_timeout_s  integer NOT NULL DEFAULT 20 CHECK (ring_timeout_s BETWEEN 3 AND 300),   -- each round of ringing
  timeout_s       integer NOT NULL DEFAULT 60 CHECK (timeout_s BETWEEN 3 AND 3600),       -- the group as a whole
  overflow        text NOT NULL DEFAULT '',                      -- a dialable number of the domain; '' ends the call
  next_member     integer NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, number),
  FOREIGN KEY (domain_uuid, number, kind) REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);

CREATE TABLE queues (
  domain_uuid     uuid NOT NULL,
  number          text NOT NULL,
  kind            text NOT NULL DEFAULT 'queue' CHECK (kind = 'queue'),
  name            text NOT NULL DEFAULT '',
  agents          text[] NOT NULL DEFAULT '{}',                  -- extensions; the longest idle is offered first
  ring_timeout_s  integer NOT NULL DEFAULT 15 CHECK (ring_timeout_s BETWEEN 3 AND 300),   -- each offer to an agent
  rest_s          integer NOT NULL DEFAULT 5 CHECK (rest_s BETWEEN 0 AND 3600),           -- before an agent who did not answer is offered again
  wrap_up_s       integer NOT NULL DEFAULT 0 CHECK (wrap_up_s BETWEEN 0 AND 3600),        -- after a talk, before the next offer
  timeout_s       integer NOT NULL DEFAULT 300 CHECK (timeout_s BETWEEN 3 AND 7200),      -- longest wait
  overflow        text NOT NULL DEFAULT '',
  music           text NOT NULL DEFAULT 'default',
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, number),
  FOREIGN KEY (domain_uuid, number, kind) REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);

-- Live calls: the engine's state, gone when the CDR is written.
CREATE TABLE calls (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  call_uuid       uuid NOT NULL,
  node            text NOT NULL,                                 -- the switch that carries it
  state           bytea NOT NULL,                                -- pbx.call.Call, msgpack
  started_at      timestamptz NOT NULL,
  PRIMARY KEY (domain_uuid, call_uuid)
);

CREATE TABLE cdrs (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  cdr_uuid        uuid NOT NULL,                                 -- the conversation
  call_id         uuid NOT NULL,                                 -- what the cdr event calls it (the answering leg)
  sip_call_id     text NOT NULL,
  direction       smallint NOT NULL CHECK (direction IN (1, 2, 3)),  -- local, inbound, outbound
  status          text NOT NULL,
  cause           text NOT NULL,
  extension       text NOT NULL DEFAULT '',
  from_number     text NOT NULL,
  to_number       text NOT NULL,
  from_canonical  text NOT NULL,                                 -- for the phone filter
  to_canonical    text NOT NULL,
  hotline         text NOT NULL DEFAULT '',
  receive_dest    text NOT NULL DEFAULT '',
  customer_id     text NOT NULL DEFAULT '',
  time_started    timestamptz NOT NULL,
  time_answered   timestamptz,
  time_ended      timestamptz NOT NULL,
  duration        integer NOT NULL CHECK (duration >= 0),        -- seconds from start
  billsec         integer NOT NULL CHECK (billsec >= 0),         -- seconds from answer
  hangup_by       text NOT NULL DEFAULT '',                      -- caller, callee, system
  recording_status text NOT NULL DEFAULT 'none' CHECK (recording_status IN ('none', 'pending', 'ready', 'failed', 'deleted')),
  recording_token text UNIQUE,                                   -- 128 random bits or more: the public URL
  recording_file  text,                                          -- path under the recordings folder
  settled         boolean NOT NULL DEFAULT false,                -- written from the journal, not from live signals
  PRIMARY KEY (domain_uuid, cdr_uuid)
);
CREATE INDEX cdrs_newest    ON cdrs (domain_uuid, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_extension ON cdrs (domain_uuid, extension, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_from      ON cdrs (domain_uuid, from_canonical, time_started DESC);
CREATE INDEX cdrs_to        ON cdrs (domain_uuid, to_canonical, time_started DESC);

-- Every other id by which a CDR can be asked for: its legs' ids and their SIP Call-IDs (which phones pick, so they may collide).
CREATE TABLE cdr_ids (
  domain_uuid     uuid NOT NULL,
  id              text NOT NULL,
  cdr_uuid        uuid NOT NULL,
  PRIMARY KEY (domain_uuid, id, cdr_uuid),
  FOREIGN KEY (domain_uuid, cdr_uuid) REFERENCES cdrs ON DELETE CASCADE
);

-- Exact totals without count(*): calls a local day of the domain's time zone, kept in the CDR's transaction.
CREATE TABLE cdr_days (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  day             date NOT NULL,
  direction       smallint NOT NULL,
  status          text NOT NULL,
  calls           bigint NOT NULL,
  PRIMARY KEY (domain_uuid, day, direction, status)
);

-- Everything that subscribers may be told, in the domain's gap-free order.
CREATE TABLE events (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  seq             bigint NOT NULL,
  event_uuid      uuid NOT NULL,                                 -- the webhook-id, the same on every repeat
  call_uuid       uuid NOT NULL,                                 -- the conversation
  name            text NOT NULL,
  body            text NOT NULL,                                 -- the JSON as it is delivered
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, seq),
  UNIQUE (domain_uuid, event_uuid)
);

CREATE TABLE subscriptions (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  subscription_uuid uuid NOT NULL,
  event_name      text NOT NULL CHECK (length(event_name) BETWEEN 1 AND 64),
  callback_url    text NOT NULL,
  callback_apikey_sealed bytea,
  secret_sealed   bytea NOT NULL,                                -- Standard Webhooks whsec_...
  enabled         boolean NOT NULL DEFAULT true,
  disabled_reason text NOT NULL DEFAULT '',
  failing_since   timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, subscription_uuid)
);
CREATE INDEX subscriptions_event ON subscriptions (domain_uuid, event_name) WHERE enabled;

-- One event for one subscription.
CREATE TABLE deliveries (
  domain_uuid     uuid NOT NULL,
  subscription_uuid uuid NOT NULL,
  seq             bigint NOT NULL,                               -- the event's
  call_uuid       uuid NOT NULL,
  state           text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'failed')),
  due_at          timestamptz NOT NULL DEFAULT now(),            -- also the end of a lease while an attempt is under way
  attempts        integer NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, subscription_uuid, seq),
  FOREIGN KEY (domain_uuid, subscription_uuid) REFERENCES subscriptions ON DELETE CASCADE,
  FOREIGN KEY (domain_uuid, seq) REFERENCES events ON DELETE CASCADE
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'due';
CREATE INDEX deliveries_order ON deliveries (domain_uuid, subscription_uuid, call_uuid, seq) WHERE state = 'due';

-- One POST.
CREATE TABLE attempts (
  domain_uuid     uuid NOT NULL,
  subscription_uuid uuid NOT NULL,
  seq             bigint NOT NULL,
  attempt         integer NOT NULL,
  at              timestamptz NOT NULL,
  status          integer NOT NULL DEFAULT 0,                    -- HTTP status; 0: no answer
  latency_ms      integer NOT NULL,
  error           text NOT NULL DEFAULT '',
  PRIMARY KEY (domain_uuid, subscription_uuid, seq, attempt),
  FOREIGN KEY (domain_uuid, subscription_uuid, seq) REFERENCES deliveries ON DELETE CASCADE
);

-- What API users asked of the switch.
CREATE TABLE commands (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  command_uuid    uuid NOT NULL,
  name            text NOT NULL,                                 -- click2call, ...
  body            text NOT NULL,                                 -- JSON
  idempotency_key text,
  state           text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'done')),
  outcome         text,                                          -- JSON, when done
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, command_uuid),
  UNIQUE (domain_uuid, idempotency_key)
);
CREATE INDEX commands_asked ON commands (created_at) WHERE state = 'asked';

-- One row a switch: when it started and how far its journal has been read.
CREATE TABLE nodes (
  node            text PRIMARY KEY,
  switch_started_at timestamptz,
  journal_inode   bigint NOT NULL DEFAULT 0,
  journal_offset  bigint NOT NULL DEFAULT 0
);

-- Configuration changes are rare and must be seen at once by every process: one notification a domain and transaction.
CREATE FUNCTION notify_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('directory', COALESCE(NEW.domain_uuid, OLD.domain_uuid)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER users_changed       AFTER INSERT OR UPDATE OR DELETE ON users       FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER extensions_changed  AFTER INSERT OR UPDATE OR DELETE ON extensions  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE FUNCTION notify_trunk() RETURNS trigger LANGUAGE plpgsql AS $$   -- a shared trunk is in other domains' directories too
BEGIN
  PERFORM pg_notify('directory', domain_uuid::text) FROM (
    SELECT COALESCE(NEW.domain_uuid, OLD.domain_uuid) AS domain_uuid
    UNION SELECT domain_uuid FROM hotlines WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)) AS affected;
  RETURN NULL;
END $$;
CREATE TRIGGER trunks_changed      AFTER INSERT OR UPDATE OR DELETE ON trunks      FOR EACH ROW EXECUTE FUNCTION notify_trunk();
CREATE TRIGGER hotlines_changed    AFTER INSERT OR UPDATE OR DELETE ON hotlines    FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER queues_changed      AFTER INSERT OR UPDATE OR DELETE ON queues      FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER ring_groups_changed AFTER INSERT OR DELETE OR UPDATE OF name, strategy, members, ring_timeout_s, timeout_s, overflow ON ring_groups
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone, country_code, call_id_mode, recording, recording_days, max_calls ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE FUNCTION notify_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'asked' THEN PERFORM pg_notify('commands', NEW.domain_uuid || '/' || NEW.command_uuid);
  ELSIF NEW.state = 'done' THEN PERFORM pg_notify('outcomes', NEW.domain_uuid || '/' || NEW.command_uuid);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER commands_changed AFTER INSERT OR UPDATE ON commands FOR EACH ROW EXECUTE FUNCTION notify_command();
