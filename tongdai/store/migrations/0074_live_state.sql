-- Live state for those who listen to it: what an engine publishes of a domain while somebody wants
-- it. Nothing here outlives a crash of PostgreSQL: the engine publishes it anew.

-- Who wants the live state of which domain, and until when: a lease of each process with listeners.
CREATE UNLOGGED TABLE live_leases (
  domain_uuid   uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  process_uuid  uuid NOT NULL,
  until         timestamptz NOT NULL,
  PRIMARY KEY (domain_uuid, process_uuid)
);

CREATE SEQUENCE live_seq;

-- One row for each thing. `seq` rises with each change; only the engine of the domain's node
-- writes, one transaction after the other, so a reader at `seq` has missed no earlier change of
-- the domain. The row of kind 'domain' is written first: what has a smaller seq is gone.
CREATE UNLOGGED TABLE live_state (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  kind         text NOT NULL,   -- domain, calls, queues, agents, registrations, trunks
  id           text NOT NULL,
  seq          bigint NOT NULL DEFAULT nextval('live_seq'),
  body         text,            -- JSON as clients read it; NULL: the thing is gone
  changed_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, kind, id)
) WITH (fillfactor = 50);
CREATE INDEX live_state_seq ON live_state (domain_uuid, seq);

ALTER TABLE live_leases ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON live_leases TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
ALTER TABLE live_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON live_state TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
