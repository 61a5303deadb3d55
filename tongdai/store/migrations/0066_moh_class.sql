-- The name that Asterisk uses (musiconhold.conf: class).
ALTER TABLE queues RENAME COLUMN music TO moh_class;
