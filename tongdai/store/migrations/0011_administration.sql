-- The API changes the configuration: ring groups and queues, and the numbers of all kinds.
GRANT INSERT, UPDATE, DELETE ON ring_groups, queues TO tongdai_tenant;
GRANT DELETE ON dialables TO tongdai_tenant;
-- What is referred to is locked (FOR KEY SHARE), which takes a right to update.
GRANT UPDATE (kind) ON dialables TO tongdai_tenant;
GRANT UPDATE (suspended_until, suspended_why) ON extensions TO tongdai_tenant;
