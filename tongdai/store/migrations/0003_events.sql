-- Events and the subscriptions that get them.

-- Whether each extension that stops ringing has a hangup event; false: only talks have one.
ALTER TABLE domains ADD COLUMN ringing_hangups boolean NOT NULL DEFAULT true;

-- How the deliveries of a subscription differ from the usual.
ALTER TABLE subscriptions
  -- duration and billsec as decimal text
  ADD COLUMN numbers_as_text boolean NOT NULL DEFAULT false,
  -- 302 and 303 count as accepted; the redirect is not followed
  ADD COLUMN accept_redirects boolean NOT NULL DEFAULT false,
  -- further headers of each POST: a JSON object, name to value
  ADD COLUMN callback_headers_encrypted bytea,
  -- PEM certificates that the receiver is trusted by; '': the system's
  ADD COLUMN callback_ca text NOT NULL DEFAULT '';
