"""Full-text search over names, summaries, tags and the names of languages.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # 0020 brings what other databases search with.
    op.execute(
        "CREATE VIRTUAL TABLE artifact_text USING fts5("
        "name, owner, summary, tags, languages, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"
    )
    op.execute(
        "INSERT INTO artifact_text (rowid, name, owner, summary, tags, languages) "
        "SELECT id, name, owner, summary, tags, (SELECT coalesce(group_concat(tag, ' '), '') FROM artifact_languages "
        "WHERE artifact_id = artifacts.id) FROM artifacts"
    )
