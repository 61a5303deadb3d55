-- A record has its SIP Call-IDs itself: its own, and that of one other leg; `cdr_sip_call_ids` has
-- those of further legs, and those of records from before. A row for each took 220 bytes.
--
-- The hashes are no generated columns, which would write all records anew, and no expressions in
-- an index, which row-level security keeps out of index conditions (0001). A record of the version
-- before, which may run beside this one, has none.
ALTER TABLE cdrs
  ADD COLUMN sip_call_id_hash       bigint,  -- hashtextextended(sip_call_id, 0)
  ADD COLUMN other_sip_call_id      text,    -- of another leg
  ADD COLUMN other_sip_call_id_hash bigint;
