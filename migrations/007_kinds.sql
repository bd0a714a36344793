-- Where rows may come from: a file, a query, the audit, or a source that is brought in again and again.

ALTER TABLE run DROP CONSTRAINT run_kind_check;
ALTER TABLE run ADD CONSTRAINT run_kind_check CHECK (kind IN ('csv', 'sql', 'replay', 'revert', 'reconcile'));
COMMENT ON COLUMN run.source IS 'What the rows came from: a file''s name, or a query with its database and without what its parameters stood for; bytes, sha256, encoding, delimiter, header. Never a password.';
