-- Calls that are over and still owe events or their record: since when, and what. Live calls owe what has yet to happen.
ALTER TABLE calls ADD COLUMN over_at timestamptz;
ALTER TABLE calls ADD COLUMN owes text[] NOT NULL DEFAULT '{cdr}';
