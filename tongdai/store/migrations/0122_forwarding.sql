-- Extensions that forward their calls, and those that are not to be disturbed.

ALTER TABLE extensions
  -- a dialable number, or one outside; '': it does not forward
  ADD COLUMN forward_always       text NOT NULL DEFAULT '',
  ADD COLUMN forward_busy         text NOT NULL DEFAULT '',
  ADD COLUMN forward_no_answer    text NOT NULL DEFAULT '',
  ADD COLUMN forward_unreachable  text NOT NULL DEFAULT '',
  ADD COLUMN do_not_disturb       boolean NOT NULL DEFAULT false;
GRANT UPDATE (forward_always, forward_busy, forward_no_answer, forward_unreachable, do_not_disturb)
  ON extensions TO tongdai_tenant;
