-- What keeps strangers out and bills small: trunks that prove who they are, limits on calls out, banned addresses.

-- What a trunk's calls prove themselves with, wherever they come from; '': they come from its addresses alone.
ALTER TABLE trunks ADD COLUMN login text NOT NULL DEFAULT '' CHECK (login ~ '^[A-Za-z0-9._+~*-]{0,63}$');
CREATE UNIQUE INDEX trunks_one_login ON trunks (login) WHERE login <> '';
