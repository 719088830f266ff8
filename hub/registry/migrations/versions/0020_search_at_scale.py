"""Search that stays quick in a registry of a million, on SQLite and PostgreSQL: folded words, counted facets, orders with indexes.

Revision ID: 0020
"""

from collections import Counter, defaultdict

import sqlalchemy as sa
from alembic import op

from hub.languages import autonym, language_name
from hub.registry.standing import standing_in
from hub.registry.words import facet_words, words_in

revision = "0020"
down_revision = "0004"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ORDERS = {
    "artifacts_by_standing": "standing, downloads DESC, key",
    "artifacts_by_update": "updated_at DESC, key",
    "artifacts_by_downloads": "downloads DESC, key",
    "artifacts_by_bare_name": "bare_key, key",
}


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("words", TEXT, nullable=False, server_default=""))
    op.add_column("artifacts", sa.Column("facets", TEXT, nullable=False, server_default=""))
    op.add_column("artifact_languages", sa.Column("standing", sa.Double(), nullable=False, server_default="1000"))
    op.create_index("languages_by_standing", "artifact_languages", ["tag", "standing", "artifact_id"])
    for index, columns in ORDERS.items():
        op.drop_index(index, "artifacts")
        op.execute(f"CREATE INDEX {index} ON artifacts ({columns})")
    op.create_table(
        "facet_counts",
        sa.Column("facet", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("artifacts", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("facet", "value"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("DROP TABLE artifact_text")
    _derive(connection)
    if connection.dialect.name == "sqlite":
        _index_in_sqlite()
    else:
        op.execute(
            "ALTER TABLE artifacts ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS "
            "(array_to_tsvector(array_remove(string_to_array(words || ' ' || facets, ' '), ''))) STORED"
        )
        op.execute("CREATE INDEX artifacts_by_words ON artifacts USING gin (search) WITH (fastupdate = off)")


def _index_in_sqlite() -> None:
    """FTS5 on the columns themselves; triggers keep it, so that no writer can forget it.

    Beginnings of words have lists of their own: without one, FTS5 merges the lists of all words that begin so before it
    gives the first match, which takes half a second for a common one among a million.
    """
    op.execute(
        "CREATE VIRTUAL TABLE artifact_text USING fts5(words, facets, content = 'artifacts', content_rowid = 'id', "
        "detail = 'none', prefix = '1 2 3 4 5 6 7 8', tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* M* P* S* Co'\")"
    )
    new = "INSERT INTO artifact_text (rowid, words, facets) VALUES (new.id, new.words, new.facets);"
    old = "INSERT INTO artifact_text (artifact_text, rowid, words, facets) VALUES ('delete', old.id, old.words, old.facets);"
    op.execute(f"CREATE TRIGGER artifact_text_insert AFTER INSERT ON artifacts BEGIN {new} END")
    op.execute(f"CREATE TRIGGER artifact_text_delete AFTER DELETE ON artifacts BEGIN {old} END")
    op.execute(
        "CREATE TRIGGER artifact_text_update AFTER UPDATE OF words, facets ON artifacts "
        f"WHEN old.words <> new.words OR old.facets <> new.facets BEGIN {old} {new} END"
    )
    op.execute("INSERT INTO artifact_text (artifact_text) VALUES ('rebuild')")


def _derive(connection: sa.Connection) -> None:
    """The new columns and counts of what is there already."""
    languages, bases, scores = defaultdict(list), defaultdict(list), defaultdict(list)
    for artifact_id, tag in connection.execute(
        sa.text("SELECT artifact_id, tag FROM artifact_languages ORDER BY position")
    ):
        languages[artifact_id].append(tag)
    for artifact_id, base in connection.execute(
        sa.text("SELECT artifact_id, base FROM artifact_bases ORDER BY position")
    ):
        bases[artifact_id].append(base)
    for artifact_id, language, standing in connection.execute(
        sa.text("SELECT artifact_id, language, standing FROM scores")
    ):
        scores[artifact_id].append((language, standing))
    counted: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(sa.text("SELECT * FROM artifacts")).mappings().all():
        own = languages[row["id"]]
        names = [name for tag in own for name in (tag, language_name(tag), autonym(tag))]
        name = f"{row['owner']}/{row['name']}"
        said = (name, row["summary"], row["tags"], row["kind"], row["method"], *bases[row["id"]], *names)
        facets = [(facet, row[facet]) for facet in ("kind", "method", "license", "owner") if row[facet]]
        facets += [("language", tag) for tag in dict.fromkeys(own)] + [
            ("base", base) for base in dict.fromkeys(bases[row["id"]])
        ]
        counted.update([("", ""), *facets])
        connection.execute(
            sa.text("UPDATE artifacts SET words = :words, facets = :facets WHERE id = :id"),
            {
                "id": row["id"],
                "words": words_in(said),
                "facets": facet_words(facets),
            },
        )
        for tag in own:
            connection.execute(
                sa.text("UPDATE artifact_languages SET standing = :standing WHERE artifact_id = :id AND tag = :tag"),
                {"standing": standing_in(tag, scores[row["id"]]), "id": row["id"], "tag": tag},
            )
    for (facet, value), number in counted.items():
        connection.execute(
            sa.text("INSERT INTO facet_counts (facet, value, artifacts) VALUES (:facet, :value, :number)"),
            {"facet": facet, "value": value, "number": number},
        )
