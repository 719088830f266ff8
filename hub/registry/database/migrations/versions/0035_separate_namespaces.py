"""Data sets get names of their own, `datasets/owner/name`; a branch and a tag can have the same name; `blob_ids`.

Names of deleted artifacts stay those of models: their kind is not known any more.

Revision ID: 0035
"""

from alembic import op
from sqlalchemy import inspect

revision = "0035"
down_revision = "0034"

_NAMES = """
UPDATE tombstones SET key = 'datasets/' || key, name = 'datasets/' || name, moved_to = 'datasets/' || moved_to
WHERE lower(moved_to) IN (SELECT key FROM artifacts WHERE kind = 'dataset');
UPDATE tokens SET artifact = 'datasets/' || artifact WHERE artifact IN (SELECT key FROM artifacts WHERE kind = 'dataset');
UPDATE narrow_uploads SET artifact = 'datasets/' || artifact WHERE artifact IN (SELECT key FROM artifacts WHERE kind = 'dataset');
UPDATE artifacts SET key = 'datasets/' || key WHERE kind = 'dataset';
INSERT INTO outbox (task, subject, created_at, due_at)
SELECT 'write-reference', 'datasets/' || owner || '/' || name, updated_at, updated_at FROM artifacts WHERE kind = 'dataset'
"""
"""Ends with a job for each data set, which moves its reference in the store."""
_WATCHES = "UPDATE webhook_watches SET key = 'datasets/' || key WHERE kind = 'dataset'"
_TABLES = {
    "postgresql": """
CREATE TABLE blob_ids (
    digest VARCHAR COLLATE "C" NOT NULL, system VARCHAR COLLATE "C" NOT NULL, id VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, system)
);
ALTER TABLE refs DROP CONSTRAINT refs_pkey;
ALTER TABLE refs ADD PRIMARY KEY (artifact_id, name, kind)
""",
    "sqlite": """
CREATE TABLE blob_ids (digest VARCHAR NOT NULL, system VARCHAR NOT NULL, id VARCHAR NOT NULL, PRIMARY KEY (digest, system));
ALTER TABLE refs RENAME TO former_refs;
CREATE TABLE refs (
    artifact_id INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL, revision_id VARCHAR NOT NULL,
    message VARCHAR NOT NULL, protected BOOLEAN DEFAULT 0 NOT NULL, PRIMARY KEY (artifact_id, name, kind),
    FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE,
    FOREIGN KEY(revision_id) REFERENCES revisions (id)
);
INSERT INTO refs (artifact_id, name, kind, revision_id, message, protected)
SELECT artifact_id, name, kind, revision_id, message, protected FROM former_refs;
DROP TABLE former_refs
""",
}


def upgrade() -> None:
    """Rename data sets wherever their names are stored, add the kind of a ref to its primary key, and create `blob_ids`."""
    connection = op.get_bind()
    watches = (_WATCHES,) if inspect(connection).has_table("webhook_watches") else ()
    for statement in (*_NAMES.split(";"), *watches, *_TABLES[connection.dialect.name].split(";")):
        op.execute(statement)
