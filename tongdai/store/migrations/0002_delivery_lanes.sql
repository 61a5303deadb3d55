-- Deliveries go in lanes: one for each endpoint, which is a callback URL of a domain, however many subscriptions name it
-- (a CRM subscribes the same URL to ringing, answered, hangup and cdr). Claiming reads the head of each lane, so what a
-- dead endpoint piles up costs the others nothing; and a call's events keep their order across those subscriptions.
ALTER TABLE subscriptions ADD COLUMN endpoint uuid NOT NULL
  GENERATED ALWAYS AS (md5(domain_uuid::text || callback_url)::uuid) STORED;
CREATE INDEX subscriptions_endpoint ON subscriptions (endpoint);

ALTER TABLE deliveries ADD COLUMN endpoint uuid;                 -- the subscription's when the event was published
UPDATE deliveries SET endpoint = subscriptions.endpoint FROM subscriptions
  WHERE subscriptions.domain_uuid = deliveries.domain_uuid AND subscriptions.subscription_uuid = deliveries.subscription_uuid;
ALTER TABLE deliveries ALTER COLUMN endpoint SET NOT NULL;

DROP INDEX deliveries_due;
DROP INDEX deliveries_order;
CREATE INDEX deliveries_lane  ON deliveries (endpoint, due_at, seq) WHERE state = 'due';
CREATE INDEX deliveries_order ON deliveries (endpoint, call_uuid, seq) WHERE state = 'due';

-- While statistics are old, (domain_uuid, event_uuid) looks as good as the primary key for finding (domain_uuid, seq), and
-- checking a delivery's foreign key would read all events of the domain.
ALTER TABLE events DROP CONSTRAINT events_domain_uuid_event_uuid_key;
ALTER TABLE events ADD CONSTRAINT events_event_uuid_domain_uuid_key UNIQUE (event_uuid, domain_uuid);
