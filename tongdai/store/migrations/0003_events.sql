-- Events and the subscriptions that get them.

-- Whether each extension that stops ringing has a hangup event; false: only talks have one.
ALTER TABLE domains ADD COLUMN ringing_hangups boolean NOT NULL DEFAULT true;
