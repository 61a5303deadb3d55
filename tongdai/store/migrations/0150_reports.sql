-- Reports: what calls came to, by local day and by local hour of the domain's time zone, counted in
-- the transaction that writes the record (tongdai/store/report_counts.py). Counters are in no index,
-- and pages have room: updates are HOT.

-- The ring groups and queues that the call came to: JSON [{"number": ..., "outcome": ...}].
ALTER TABLE cdrs ADD COLUMN visits jsonb NOT NULL DEFAULT '[]';
-- The parts that extensions had in it: JSON [{"extension": ..., "outcome": ...}].
ALTER TABLE cdrs ADD COLUMN parts jsonb NOT NULL DEFAULT '[]';

ALTER TABLE queues
  ADD COLUMN service_level_s  integer NOT NULL DEFAULT 20
             CHECK (service_level_s BETWEEN 1 AND 3600);  -- answered within that: in time

CREATE TABLE report_days (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  kind         smallint NOT NULL,            -- of the name: report_counts.KINDS
  day          date NOT NULL,
  name         text COLLATE "C" NOT NULL,    -- of a queue its number; '' of the domain itself
  direction    smallint NOT NULL,
  calls        integer NOT NULL,
  answered     integer NOT NULL,
  abandoned    integer NOT NULL,
  busy         integer NOT NULL,
  no_answer    integer NOT NULL,
  overflowed   integer NOT NULL,
  failed       integer NOT NULL,
  in_time      integer NOT NULL,
  wait_s       integer NOT NULL,
  wait_max_s   integer NOT NULL,
  talk_s       integer NOT NULL,
  talk_max_s   integer NOT NULL,
  PRIMARY KEY (domain_uuid, kind, day, name, direction)
) WITH (fillfactor = 70);

-- An hour that comes twice, where clocks are set back, is that hour and that hour + 24.
CREATE TABLE report_hours (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  kind         smallint NOT NULL,
  name         text COLLATE "C" NOT NULL,
  day          date NOT NULL,
  hour         smallint NOT NULL CHECK (hour BETWEEN 0 AND 47),
  direction    smallint NOT NULL,
  calls        integer NOT NULL,
  answered     integer NOT NULL,
  abandoned    integer NOT NULL,
  busy         integer NOT NULL,
  no_answer    integer NOT NULL,
  overflowed   integer NOT NULL,
  failed       integer NOT NULL,
  in_time      integer NOT NULL,
  wait_s       integer NOT NULL,
  wait_max_s   integer NOT NULL,
  talk_s       integer NOT NULL,
  talk_max_s   integer NOT NULL,
  PRIMARY KEY (domain_uuid, kind, name, day, hour, direction)
) WITH (fillfactor = 70);

ALTER TABLE report_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report_days TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
CREATE POLICY tenant ON report_hours TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT ON report_days, report_hours TO tongdai_tenant;
