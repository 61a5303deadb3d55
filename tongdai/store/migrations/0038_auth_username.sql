-- The user name by which a trunk authenticates its calls is called so.
ALTER TABLE trunks RENAME COLUMN login TO auth_username;
ALTER INDEX trunks_one_login RENAME TO trunks_one_auth_username;
ALTER TABLE trunks RENAME CONSTRAINT trunks_login_check TO trunks_auth_username_check;
