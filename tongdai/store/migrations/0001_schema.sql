-- The schema of tongdai. This file is never edited: a change is a new file (CONTRIBUTING.md).
--
-- Parts: tables by noun, then functions and triggers, indexes, partitions, row-level security.
--
-- Each table of tenants has domain_uuid first in its key, so that the data can be distributed by
-- domain. Settings have no defaults here: those of a new domain, user, extension, trunk, hotline,
-- ring group or queue are in tongdai.pbx.directory and tongdai.admin. Names that end in _s hold
-- seconds. Columns *_encrypted hold text encrypted with the master key.


-- Domains ---------------------------------------------------------------------------------------

-- A tenant. It lives on one node: that node's switch has its devices and trunks, and its calls.
CREATE TABLE domains (
  domain_uuid       uuid PRIMARY KEY,
  -- Also the SIP domain. It does not change: the digests of devices are computed over it.
  name              text NOT NULL UNIQUE
                    CHECK (name ~ '^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$'),
  enabled           boolean NOT NULL,
  node              text NOT NULL CHECK (node ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  time_zone         text NOT NULL,
  country_code      text NOT NULL CHECK (country_code ~ '^[1-9][0-9]{0,2}$'),
  -- ISO 3166-1 alpha-2; '': the main region of the country code (US of 1).
  region            text NOT NULL CHECK (region ~ '^([A-Z]{2})?$'),
  call_id_mode      text NOT NULL CHECK (call_id_mode IN ('leg', 'conversation')),
  recording         boolean NOT NULL,
  recording_days    integer CHECK (recording_days > 0),         -- NULL: recordings do not expire
  max_calls         integer NOT NULL CHECK (max_calls > 0),     -- at the same time
  -- Call barring: the permitted destinations beyond the country's own numbers, as prefixes:
  -- "+44", "+" (all countries), "1900". NULL limits nothing.
  destinations      text[] NOT NULL,
  calls_per_minute  integer CHECK (calls_per_minute > 0),       -- outbound
  minutes_per_day   integer CHECK (minutes_per_day > 0),        -- outbound
  suspended_until   timestamptz,                                -- outbound calls are suspended
  suspended_why     text NOT NULL DEFAULT '',
  event_seq         bigint NOT NULL DEFAULT 0,                  -- seq of the domain's newest event
  created_at        timestamptz NOT NULL DEFAULT now()
);


-- Operators, users and their API keys -----------------------------------------------------------

-- Operators run the installation. They belong to no domain, so the role tongdai_tenant has no
-- rights here.
CREATE TABLE operators (
  operator_uuid    uuid PRIMARY KEY,
  username         text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9._+-]{1,64}$'),
  password_hash    text NOT NULL,                               -- argon2id
  enabled          boolean NOT NULL,
  api_key_digest   bytea NOT NULL UNIQUE,                       -- requests look the key up by this
  api_key_encrypted   bytea NOT NULL,
  api_key_version  integer NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  domain_uuid      uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  user_uuid        uuid NOT NULL,
  username         text NOT NULL CHECK (username ~ '^[a-z0-9._+-]{1,64}$'),
  password_hash    text NOT NULL,                               -- argon2id
  level            text NOT NULL CHECK (level IN ('admin', 'supervisor', 'agent')),
  enabled          boolean NOT NULL,
  api_key_digest   bytea NOT NULL UNIQUE,                       -- requests look the key up by this
  api_key_encrypted   bytea NOT NULL,                              -- login returns the key again
  -- Tokens name the version of the key that they were made with; a new key ends them.
  api_key_version  integer NOT NULL DEFAULT 1,
  api_key_scopes   text[],                                      -- NULL: all that the user may do
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, user_uuid),
  UNIQUE (domain_uuid, username)
);


-- Extensions and devices ------------------------------------------------------------------------

-- The numbers that can be dialled inside a domain. Each is here once, whatever it leads to.
CREATE TABLE dialables (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  number       text NOT NULL CHECK (number ~ '^[0-9]{2,8}$'),
  kind         text NOT NULL CHECK (kind IN ('extension', 'ring_group', 'queue')),
  PRIMARY KEY (domain_uuid, number),
  UNIQUE (domain_uuid, number, kind)
);

CREATE TABLE extensions (
  domain_uuid      uuid NOT NULL,
  extension        text NOT NULL,
  kind             text NOT NULL DEFAULT 'extension' CHECK (kind = 'extension'),
  name             text NOT NULL,
  enabled          boolean NOT NULL,
  recording        boolean,                                     -- NULL: as the domain
  hotline          text,                     -- presented on outbound calls; NULL: domain's default
  max_calls        integer NOT NULL CHECK (max_calls > 0),
  ring_timeout_s   integer NOT NULL CHECK (ring_timeout_s BETWEEN 5 AND 300),
  suspended_until  timestamptz,                                 -- outbound calls are suspended
  suspended_why    text NOT NULL DEFAULT '',
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, extension),
  FOREIGN KEY (domain_uuid, extension, kind)
    REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);

-- The devices that register as an extension. The device `default` has the endpoint 101@domain;
-- each further one has an endpoint and credentials of its own, 101-browser@domain
-- (tongdai/pbx/endpoint.py).
CREATE TABLE devices (
  domain_uuid    uuid NOT NULL,
  extension      text NOT NULL,
  name           text NOT NULL DEFAULT 'default' CHECK (name ~ '^[a-z][a-z0-9-]{0,30}$'),
  kind           text NOT NULL DEFAULT 'sip' CHECK (kind IN ('sip', 'browser')),
  max_contacts   integer NOT NULL DEFAULT 5 CHECK (max_contacts BETWEEN 1 AND 20),
  digest_md5     text NOT NULL,              -- HA1 (RFC 8760) over username:domain:password, hex
  digest_sha256  text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, extension, name),
  FOREIGN KEY (domain_uuid, extension) REFERENCES extensions ON DELETE CASCADE
);


-- Trunks and hotlines ---------------------------------------------------------------------------

CREATE TABLE trunks (
  domain_uuid      uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  trunk_uuid       uuid NOT NULL UNIQUE,
  name             text NOT NULL,
  auth             text NOT NULL CHECK (auth IN ('ip', 'digest', 'registration')),
  host             text NOT NULL,            -- the carrier's address or name, :port if not 5060
  transport        text NOT NULL CHECK (transport IN ('udp', 'tcp', 'tls')),
  addresses        text[] NOT NULL,          -- sources of its calls, IP or CIDR; empty: host
  username         text NOT NULL,            -- our user name at the carrier
  password_encrypted  bytea,
  -- The user name by which the trunk's calls authenticate here, from any address; '': they are
  -- identified by their source address.
  auth_username    text NOT NULL CHECK (auth_username ~ '^[A-Za-z0-9._+~*-]{0,63}$'),
  from_user        text NOT NULL,
  from_domain      text NOT NULL,
  number_format    text NOT NULL CHECK (number_format IN ('national', 'e164', 'plain')),
  shared           boolean NOT NULL,         -- the operator's: other domains' hotlines may use it
  max_calls        integer NOT NULL CHECK (max_calls > 0),
  enabled          boolean NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, trunk_uuid),
  UNIQUE (domain_uuid, name)
);

-- The public numbers (DIDs) of a domain.
CREATE TABLE hotlines (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  number       text NOT NULL,                -- as people write it
  canonical    text NOT NULL,                -- E.164 digits without +, or the short number itself
  trunk_uuid   uuid NOT NULL REFERENCES trunks (trunk_uuid),
  name         text NOT NULL,
  destination  text NOT NULL,                -- a dialable number; '': inbound calls are refused
  is_default   boolean NOT NULL,
  enabled      boolean NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, canonical),
  UNIQUE (trunk_uuid, canonical)
);


-- Ring groups and queues ------------------------------------------------------------------------

CREATE TABLE ring_groups (
  domain_uuid     uuid NOT NULL,
  number          text NOT NULL,
  kind            text NOT NULL DEFAULT 'ring_group' CHECK (kind = 'ring_group'),
  name            text NOT NULL,
  strategy        text NOT NULL CHECK (strategy IN ('ring_all', 'sequential', 'round_robin')),
  members         text[] NOT NULL,                                          -- extensions, in order
  ring_timeout_s  integer NOT NULL CHECK (ring_timeout_s BETWEEN 3 AND 300),  -- of a hunt step
  timeout_s       integer NOT NULL CHECK (timeout_s BETWEEN 3 AND 3600),      -- of the whole group
  overflow        text NOT NULL,             -- a dialable number; '': the call ends
  next_member     integer NOT NULL DEFAULT 0,                  -- a round robin continues here
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, number),
  FOREIGN KEY (domain_uuid, number, kind)
    REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);

CREATE TABLE queues (
  domain_uuid        uuid NOT NULL,
  number             text NOT NULL,
  kind               text NOT NULL DEFAULT 'queue' CHECK (kind = 'queue'),
  name               text NOT NULL,
  agents             text[] NOT NULL,        -- extensions; the longest idle gets the next offer
  ring_timeout_s     integer NOT NULL CHECK (ring_timeout_s BETWEEN 3 AND 300),  -- of an offer
  -- The pause of an agent who did not answer an offer, and that after a talk.
  no_answer_delay_s  integer NOT NULL CHECK (no_answer_delay_s BETWEEN 0 AND 3600),
  wrap_up_s          integer NOT NULL CHECK (wrap_up_s BETWEEN 0 AND 3600),
  timeout_s          integer NOT NULL CHECK (timeout_s BETWEEN 3 AND 7200),      -- longest wait
  overflow           text NOT NULL,          -- a dialable number; '': the call ends
  moh_class          text NOT NULL,          -- a class of Asterisk's musiconhold.conf
  created_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, number),
  FOREIGN KEY (domain_uuid, number, kind)
    REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);


-- Live calls and commands -----------------------------------------------------------------------

-- The engine's state of a call. The row is deleted when nothing of the call is outstanding.
CREATE TABLE calls (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  call_uuid    uuid NOT NULL,
  node         text NOT NULL,                -- of the switch that carries it
  state        bytea NOT NULL,               -- tongdai.pbx.call.Call, msgpack
  started_at   timestamptz NOT NULL,
  over_at      timestamptz,                  -- NULL: it is in progress
  outstanding  text[] NOT NULL DEFAULT '{cdr}',  -- events that an ended call has yet to publish
  PRIMARY KEY (domain_uuid, call_uuid)
);

-- What API users request of the switch. It belongs to the node of the domain: when an engine ends
-- before it commits the call of a command, the next engine of that node can report the failure.
CREATE TABLE commands (
  domain_uuid      uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  command_uuid     uuid NOT NULL,
  name             text NOT NULL,                               -- click2call, ...
  body             text NOT NULL,                               -- JSON
  idempotency_key  text,
  state            text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'done')),
  node             text,                                        -- whose engine has taken it
  outcome          text,                                        -- JSON, when done
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, command_uuid),
  UNIQUE (domain_uuid, idempotency_key)
);


-- Call detail records ---------------------------------------------------------------------------

-- A record is facts: a column for each field of tongdai.pbx.cdr.Cdr. What clients read is rendered
-- from it (tongdai/dialects). UUIDs of calls hold the time (tongdai/ids.py), so a table whose key
-- begins with one can be partitioned by month.
CREATE TABLE cdrs (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  cdr_uuid        uuid NOT NULL,             -- the conversation
  call_id         uuid NOT NULL,             -- of the `cdr` event: the answering leg
  sip_call_id     text NOT NULL,
  direction       smallint NOT NULL CHECK (direction IN (1, 2, 3)),  -- local, inbound, outbound
  status          text NOT NULL,
  cause           text NOT NULL,
  extension       text NOT NULL DEFAULT '',
  from_number     text NOT NULL,
  to_number       text NOT NULL,
  from_canonical  text NOT NULL,             -- for the phone filter
  to_canonical    text NOT NULL,
  hotline         text NOT NULL DEFAULT '',
  receive_dest    text NOT NULL DEFAULT '',  -- the ring group or queue
  customer_id     text NOT NULL DEFAULT '',
  time_started    timestamptz NOT NULL,
  time_answered   timestamptz,
  time_ended      timestamptz NOT NULL,
  duration        integer NOT NULL CHECK (duration >= 0),       -- seconds from the start
  billsec         integer NOT NULL CHECK (billsec >= 0),        -- seconds from the answer
  hangup_by       text NOT NULL DEFAULT '',  -- caller, callee, system
  reconstructed   boolean NOT NULL DEFAULT false,  -- made from the CEL log, not from live signals
  PRIMARY KEY (domain_uuid, cdr_uuid)
);

-- Further ids of a record: those of its legs, and of consultations that became part of it.
CREATE TABLE cdr_ids (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  id           uuid NOT NULL,
  cdr_uuid     uuid NOT NULL,
  PRIMARY KEY (domain_uuid, id, cdr_uuid)
);

-- The SIP Call-IDs of a record's legs. Phones choose them: they hold no time, may be long, and may
-- be the same twice. So there is one index for all of time, by a hash of 8 bytes (an index of the
-- text takes three times the space); then the text is compared. The hash is a column, because
-- row-level security keeps a call of hashtextextended out of index conditions.
CREATE TABLE cdr_sip_call_ids (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  hash         bigint NOT NULL GENERATED ALWAYS AS (hashtextextended(sip_call_id, 0)) STORED,
  cdr_uuid     uuid NOT NULL,
  sip_call_id  text NOT NULL
);

-- Exact totals without count(*): records by local day of the domain's time zone, counted in the
-- transaction that writes them.
CREATE TABLE cdr_days (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  day          date NOT NULL,
  direction    smallint NOT NULL,
  status       text NOT NULL,
  calls        bigint NOT NULL,
  PRIMARY KEY (domain_uuid, day, direction, status)
);

-- A call may have several recordings. The first by recording_uuid (version 7) is its main one.
-- tongdai/recording_files.py keeps the file under file_key.
CREATE TABLE recordings (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  cdr_uuid        uuid NOT NULL,             -- the conversation; its record may be written later
  recording_uuid  uuid NOT NULL,
  token           text NOT NULL,             -- of the public URL: 192 random bits
  -- none: there is no sound
  status          text NOT NULL
                  CHECK (status IN ('none', 'pending', 'ready', 'failed', 'deleted')),
  file_key        text,                      -- NULL: there is no file
  started_at      timestamptz NOT NULL,
  duration_s      double precision,
  size            bigint,                    -- bytes
  created_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz,               -- by an administrator, or because it expired
  PRIMARY KEY (domain_uuid, cdr_uuid, recording_uuid),
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);


-- Events and their deliveries -------------------------------------------------------------------

-- The log of a domain's events, in an order without gaps. It is partitioned by day. There is no
-- foreign key: publishing locks the domain's row, so a deleted domain gets no event, and deleting
-- a domain deletes its events.
CREATE TABLE events (
  domain_uuid  uuid NOT NULL,
  seq          bigint NOT NULL,
  event_uuid   uuid NOT NULL,                -- the webhook-id, the same in every attempt
  call_uuid    uuid NOT NULL,                -- the conversation
  name         text NOT NULL,
  -- tongdai.pbx.events.CallFacts or SubscriptionFacts. It is json, not jsonb: it is read as a
  -- whole, and written far more often.
  facts        json NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, seq, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE events_default PARTITION OF events DEFAULT;

CREATE TABLE subscriptions (
  domain_uuid             uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  subscription_uuid       uuid NOT NULL,
  event_name              text NOT NULL CHECK (length(event_name) BETWEEN 1 AND 64),
  callback_url            text NOT NULL,
  -- A callback URL of a domain is one endpoint, however many subscriptions name it: a CRM
  -- subscribes the same URL to ringing, answered, hangup and cdr.
  endpoint                uuid NOT NULL
                          GENERATED ALWAYS AS (
                            md5(domain_uuid::text || callback_url)::uuid
                          ) STORED,
  dialect                 text NOT NULL DEFAULT 'v1',           -- of the JSON (tongdai/dialects)
  callback_apikey_encrypted  bytea,
  secret_encrypted           bytea NOT NULL,                       -- Standard Webhooks: whsec_...
  previous_secret_encrypted  bytea,                                -- signs too, until:
  previous_secret_until   timestamptz,
  enabled                 boolean NOT NULL DEFAULT true,
  disabled_reason         text NOT NULL DEFAULT '',
  failing_since           timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, subscription_uuid)
);

-- One event for one subscription, while it is due: the row is deleted when it is delivered or has
-- failed. An endpoint has one queue, so a failing endpoint delays no other, and a call's events
-- keep their order over all subscriptions of the endpoint. There are no foreign keys: they cost
-- more than the row itself. Deleting a subscription deletes its rows here; housekeeping deletes
-- those that were published at that moment.
CREATE TABLE deliveries (
  domain_uuid        uuid NOT NULL,
  subscription_uuid  uuid NOT NULL,
  seq                bigint NOT NULL,                           -- the event's
  call_uuid          uuid NOT NULL,
  endpoint           uuid NOT NULL,          -- the subscription's when the event was published
  due_at             timestamptz NOT NULL DEFAULT now(),
  -- The end of the lease. It is in no index, so that a claim rewrites none.
  leased_until       timestamptz NOT NULL DEFAULT '-infinity',
  attempts           integer NOT NULL DEFAULT 0,
  callback_url       text,                   -- used in place of the subscription's URL
  created_at         timestamptz NOT NULL DEFAULT now(),        -- the event's
  PRIMARY KEY (domain_uuid, subscription_uuid, seq)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

-- One POST, or the reason why it was not made. Partitions of a day are dropped as a whole, so no
-- housekeeping deletes single rows.
CREATE TABLE attempts (
  domain_uuid        uuid NOT NULL,
  subscription_uuid  uuid NOT NULL,
  seq                bigint NOT NULL,                           -- the event's
  at                 timestamptz NOT NULL,
  created_at         timestamptz NOT NULL,                      -- the event's
  attempt            integer NOT NULL,
  status             integer NOT NULL DEFAULT 0,                -- of HTTP; 0: no response
  latency_ms         integer NOT NULL,
  -- The state of the delivery after this attempt.
  state              text NOT NULL CHECK (state IN ('due', 'delivered', 'failed')),
  error              text NOT NULL DEFAULT '',
  callback_url       text,                   -- used in place of the subscription's URL
  PRIMARY KEY (domain_uuid, subscription_uuid, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;


-- Bans and nodes: of the installation, not of a domain ------------------------------------------

-- Addresses from which the switches refuse requests, after too many wrong passwords.
CREATE TABLE bans (
  address    inet PRIMARY KEY,
  why        text NOT NULL,
  banned_at  timestamptz NOT NULL DEFAULT now(),
  until      timestamptz NOT NULL,
  lifted_at  timestamptz                     -- kept for a month, for a switch that missed it
);

-- A switch, and the position (bytes) up to which its CEL log has been read.
CREATE TABLE nodes (
  node            text PRIMARY KEY,
  cel_log_inode   bigint NOT NULL DEFAULT 0,
  cel_log_offset  bigint NOT NULL DEFAULT 0
);


-- Functions and triggers ------------------------------------------------------------------------

-- `directory` says DOMAIN_UUID: the domain's configuration has changed. Changes are rare, and all
-- processes must see them at once. PostgreSQL sends equal notifications of a transaction once.
CREATE FUNCTION notify_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('directory', COALESCE(NEW.domain_uuid, OLD.domain_uuid)::text);
  RETURN NULL;
END $$;

-- A shared trunk is in the directories of other domains too.
CREATE FUNCTION notify_trunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('directory', domain_uuid::text) FROM (
    SELECT COALESCE(NEW.domain_uuid, OLD.domain_uuid) AS domain_uuid
    UNION SELECT domain_uuid FROM hotlines
          WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)) AS affected;
  RETURN NULL;
END $$;

-- Not event_seq: it changes with every event.
CREATE TRIGGER domains_changed AFTER INSERT OR DELETE OR UPDATE OF enabled, time_zone,
  country_code, region, call_id_mode, recording, recording_days, max_calls, destinations,
  calls_per_minute, minutes_per_day, suspended_until, node ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER extensions_changed AFTER INSERT OR UPDATE OR DELETE ON extensions
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
-- Calls ring all devices of an extension, so the directory has their names and nothing else.
CREATE TRIGGER devices_changed AFTER INSERT OR DELETE ON devices
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER trunks_changed AFTER INSERT OR UPDATE OR DELETE ON trunks
  FOR EACH ROW EXECUTE FUNCTION notify_trunk();
CREATE TRIGGER hotlines_changed AFTER INSERT OR UPDATE OR DELETE ON hotlines
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
-- Not next_member: it changes with every call of a round robin.
CREATE TRIGGER ring_groups_changed AFTER INSERT OR DELETE OR UPDATE OF name, strategy, members,
  ring_timeout_s, timeout_s, overflow ON ring_groups
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER queues_changed AFTER INSERT OR UPDATE OR DELETE ON queues
  FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- `objects` says NODE/KIND/DOMAIN_UUID/ID: an object that the node's switch holds has changed.
-- Kinds: `extension` (ID is its number), `trunk` (its UUID), `domain` (no ID: anything of it).
CREATE FUNCTION notify_object(domain uuid, kind text, id text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('objects', node || '/' || kind || '/' || domain_uuid || '/' || id)
  FROM domains WHERE domain_uuid = domain;
$$;

CREATE FUNCTION notify_extension_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM notify_object(COALESCE(NEW.domain_uuid, OLD.domain_uuid), 'extension',
                        COALESCE(NEW.extension, OLD.extension));
  RETURN NULL;
END $$;
CREATE TRIGGER devices_object AFTER INSERT OR UPDATE OR DELETE ON devices
  FOR EACH ROW EXECUTE FUNCTION notify_extension_object();
CREATE TRIGGER extensions_object AFTER UPDATE OF enabled ON extensions
  FOR EACH ROW EXECUTE FUNCTION notify_extension_object();

-- The node of its domain holds a trunk, and so do the nodes of domains whose hotlines use it.
CREATE FUNCTION notify_trunk_object(domain uuid, trunk uuid) RETURNS void LANGUAGE sql AS $$
  SELECT notify_object(domain_uuid, 'trunk', trunk::text)
  FROM (SELECT domain AS domain_uuid
        UNION SELECT domain_uuid FROM hotlines WHERE trunk_uuid = trunk) AS affected;
$$;

CREATE FUNCTION notify_trunk_objects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM notify_trunk_object(OLD.domain_uuid, OLD.trunk_uuid); END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM notify_trunk_object(NEW.domain_uuid, NEW.trunk_uuid); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER trunks_object AFTER INSERT OR UPDATE OR DELETE ON trunks
  FOR EACH ROW EXECUTE FUNCTION notify_trunk_objects();
CREATE TRIGGER hotlines_object AFTER INSERT OR DELETE OR UPDATE OF trunk_uuid ON hotlines
  FOR EACH ROW EXECUTE FUNCTION notify_trunk_objects();

-- A domain that moves is notified to both nodes.
CREATE FUNCTION notify_domain_object() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER domains_object AFTER INSERT OR DELETE OR UPDATE OF enabled, node ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_domain_object();

-- `commands` says NODE/DOMAIN_UUID/COMMAND_UUID to the engine of the node that has to carry it
-- out; `outcomes` says DOMAIN_UUID/COMMAND_UUID to the API when it is done.
CREATE FUNCTION notify_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'asked' THEN
    PERFORM pg_notify('commands', node || '/' || NEW.domain_uuid || '/' || NEW.command_uuid)
    FROM domains WHERE domain_uuid = NEW.domain_uuid;
  ELSIF NEW.state = 'done' THEN
    PERFORM pg_notify('outcomes', NEW.domain_uuid || '/' || NEW.command_uuid);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER commands_changed AFTER INSERT OR UPDATE ON commands
  FOR EACH ROW EXECUTE FUNCTION notify_command();

-- `bans`, without a payload: the bans have changed.
CREATE FUNCTION notify_bans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('bans', '');
  RETURN NULL;
END $$;
CREATE TRIGGER bans_changed AFTER INSERT OR UPDATE OR DELETE ON bans
  FOR EACH ROW EXECUTE FUNCTION notify_bans();


-- Indexes ---------------------------------------------------------------------------------------

-- The domains of a node.
CREATE INDEX domains_node ON domains (node);
-- Housekeeping: domains whose recordings expire.
CREATE INDEX domains_recording_days ON domains (domain_uuid) WHERE recording_days IS NOT NULL;

-- The trunk of a call that authenticates: no two trunks have the same user name.
CREATE UNIQUE INDEX trunks_one_auth_username ON trunks (auth_username) WHERE auth_username <> '';
-- A domain has at most one default hotline.
CREATE UNIQUE INDEX hotlines_one_default ON hotlines (domain_uuid) WHERE is_default;

-- An engine takes the oldest commands; at its start it ends those that its node had taken.
CREATE INDEX commands_asked ON commands (created_at) WHERE state = 'asked';
CREATE INDEX commands_taken ON commands (node) WHERE state = 'taken';

-- Pages of records, newest first: all, of an extension, of a number on either side.
CREATE INDEX cdrs_newest    ON cdrs (domain_uuid, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_extension ON cdrs (domain_uuid, extension, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_from      ON cdrs (domain_uuid, from_canonical, time_started DESC);
CREATE INDEX cdrs_to        ON cdrs (domain_uuid, to_canonical, time_started DESC);
-- The record of a SIP Call-ID.
CREATE INDEX cdr_sip_call_ids_hash ON cdr_sip_call_ids (domain_uuid, hash);

-- The recording of a public URL.
CREATE UNIQUE INDEX recordings_token ON recordings (token);
-- Housekeeping: recordings that may expire, by age; and those whose file is still to be removed.
CREATE INDEX recordings_ready ON recordings (domain_uuid, started_at) WHERE status = 'ready';
CREATE INDEX recordings_left_over ON recordings (deleted_at, recording_uuid)
  WHERE status = 'deleted' AND file_key IS NOT NULL;

-- The event of a webhook-id. It is not unique, since the key of partitions would have to be in it:
-- publishing writes each event once. The event_uuid comes first: an index that begins with the
-- domain looks as good as the primary key for finding (domain_uuid, seq) while statistics are old,
-- and would read all events of the domain.
CREATE INDEX events_event_uuid ON events (event_uuid, domain_uuid);

-- Publishing: subscriptions to an event. Outcomes: subscriptions of an endpoint.
CREATE INDEX subscriptions_event ON subscriptions (domain_uuid, event_name) WHERE enabled;
CREATE INDEX subscriptions_endpoint ON subscriptions (endpoint);

-- A claim reads the first deliveries of each endpoint, so that what waits for a failing endpoint
-- costs the others nothing; and sees whether an earlier event of the same call is still due.
CREATE INDEX deliveries_due   ON deliveries (endpoint, due_at, seq);
CREATE INDEX deliveries_order ON deliveries (endpoint, call_uuid, seq);

-- The failed deliveries of a subscription, to list them and to send them again.
CREATE INDEX attempts_failed ON attempts (domain_uuid, subscription_uuid, seq)
  WHERE state = 'failed';


-- Partitions by day -----------------------------------------------------------------------------

-- Afterwards the table has the partition of a day (UTC). Rows of that day that are in the default
-- partition are moved into it. While a long read locks the table, it is left to the next time:
-- statements that come later would queue behind our lock.
CREATE FUNCTION add_partition(parent text, day date) RETURNS void LANGUAGE plpgsql AS $$
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
END $$;

-- Afterwards the table has no rows of before a day (UTC). Returns how many partitions were
-- dropped. It waits for locks as add_partition does.
CREATE FUNCTION drop_partitions(parent text, before date) RETURNS integer LANGUAGE plpgsql AS $$
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
END $$;

-- Today and the days that housekeeping makes ahead (tongdai/store/partitions.py).
SELECT add_partition(name, (now() AT TIME ZONE 'UTC')::date + n)
FROM (VALUES ('events'), ('attempts')) AS partitioned (name), generate_series(0, 3) AS n;


-- The role of the API, its rights, and row-level security ---------------------------------------

-- The API acts as tongdai_tenant, a role without login: it may do what is granted below, to rows
-- of the domain that the setting tongdai.domain names. The engine and the dispatcher serve all
-- domains: they act as the owner of the tables, to whom policies do not apply.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tongdai_tenant') THEN
    CREATE ROLE tongdai_tenant NOLOGIN;
  END IF;
  BEGIN
    SET LOCAL ROLE tongdai_tenant;
    RESET ROLE;
  EXCEPTION WHEN insufficient_privilege THEN
    GRANT tongdai_tenant TO CURRENT_USER;
  END;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING MESSAGE = format(
    'The database role %1$I may not make the role that keeps tenants apart. An administrator '
    'must do it once: CREATE ROLE tongdai_tenant NOLOGIN; GRANT tongdai_tenant TO %1$I;',
    current_user);
END $$;

-- Every table with a domain_uuid has the policy. Partitions are reached through their table alone.
DO $$
DECLARE
  name text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO tongdai_tenant', current_schema());
  FOR name IN
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND NOT relispartition AND attname = 'domain_uuid' AND NOT attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I TO tongdai_tenant '
      'USING (domain_uuid = nullif(current_setting(''tongdai.domain'', true), '''')::uuid)', name);
  END LOOP;
END $$;

-- Columns that are not granted are listed in tongdai/store/tenants.py (WITHHELD).
GRANT SELECT ON domains, hotlines, ring_groups, queues TO tongdai_tenant;
GRANT UPDATE (event_seq) ON domains TO tongdai_tenant;
GRANT SELECT (domain_uuid, user_uuid, username, level, enabled, api_key_version, api_key_scopes)
  ON users TO tongdai_tenant;
GRANT SELECT (domain_uuid, extension, name, enabled, recording, hotline, max_calls,
  ring_timeout_s, suspended_until) ON extensions TO tongdai_tenant;
GRANT SELECT (domain_uuid, extension, name, kind, max_contacts, created_at)
  ON devices TO tongdai_tenant;
GRANT SELECT (domain_uuid, trunk_uuid, name, enabled, number_format, max_calls)
  ON trunks TO tongdai_tenant;

GRANT SELECT (domain_uuid, call_uuid, started_at, over_at, outstanding) ON calls TO tongdai_tenant;
GRANT SELECT, INSERT, DELETE ON commands TO tongdai_tenant;

GRANT SELECT ON cdrs, cdr_ids, cdr_sip_call_ids, cdr_days TO tongdai_tenant;
GRANT SELECT, UPDATE (status, deleted_at) ON recordings TO tongdai_tenant;

GRANT SELECT, INSERT ON events TO tongdai_tenant;               -- INSERT: sample events
GRANT SELECT, INSERT, UPDATE, DELETE ON subscriptions, deliveries TO tongdai_tenant;
GRANT SELECT ON attempts TO tongdai_tenant;
