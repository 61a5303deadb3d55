-- The node whose engine has taken a command: when that engine dies before it commits a call, the next one on the same
-- node can say so.
ALTER TABLE commands ADD COLUMN node text;
CREATE INDEX commands_taken ON commands (node) WHERE state = 'taken';
