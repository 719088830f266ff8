"""A registry with an older schema opens with everything that it had."""

import pytest

from hub.names import ArtifactName
from hub.registry import Registry
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.tokens import Tokens
from hub.registry.artifacts.branches import create_ref
from hub.registry.artifacts.repositories import move_repository
from hub.registry.database.schema import HEAD
from tests.builders.registry import WITHOUT_0041, an_artifact, fill

ADA = Actor("ada")
TO_0034 = {
    "sqlite": """
        ALTER TABLE refs RENAME TO newer_refs;
        CREATE TABLE refs (artifact_id INTEGER NOT NULL, name VARCHAR NOT NULL, revision_id VARCHAR NOT NULL, kind VARCHAR NOT NULL,
            message VARCHAR NOT NULL, protected BOOLEAN DEFAULT 0 NOT NULL, PRIMARY KEY (artifact_id, name));
        INSERT INTO refs (artifact_id, name, revision_id, kind, message, protected)
            SELECT artifact_id, name, revision_id, kind, message, protected FROM newer_refs;
        DROP TABLE newer_refs
    """,
    "postgresql": "ALTER TABLE refs DROP CONSTRAINT refs_pkey; ALTER TABLE refs ADD PRIMARY KEY (artifact_id, name)",
}
SHARED = """
    UPDATE artifacts SET key = replace(key, 'datasets/', '');
    UPDATE tokens SET artifact = replace(artifact, 'datasets/', '');
    UPDATE narrow_uploads SET artifact = replace(artifact, 'datasets/', '');
    UPDATE tombstones SET key = replace(key, 'datasets/', ''), name = replace(name, 'datasets/', ''),
        moved_to = replace(moved_to, 'datasets/', '');
    UPDATE webhook_watches SET key = replace(key, 'datasets/', '');
    DELETE FROM outbox;
    DROP TABLE blob_ids;
    ALTER TABLE artifacts DROP COLUMN aliases;
    ALTER TABLE artifacts DROP COLUMN trained_languages;
    DROP INDEX artifacts_by_owner_and_kind;
    DROP TABLE parities;
    DROP INDEX scores_by_ranking_and_value;
    DROP INDEX scores_by_language_and_ranking;
    ALTER TABLE scores DROP COLUMN setting;
    DROP TABLE reset_links;
    DROP TABLE reports;
    DROP TABLE hidden_artifacts;
    DROP TABLE blocked_files;
    DROP INDEX audit_by_action;
    ALTER TABLE accounts DROP COLUMN about;
    UPDATE alembic_version SET version_num = '0034'
"""


def downgrade(registry):
    """Change a current registry to what schema 0034 had."""
    with registry.database.engine.begin() as connection:
        for statement in (*WITHOUT_0041, *f"{TO_0034[connection.dialect.name]};{SHARED}".split(";")):
            connection.exec_driver_sql(statement)


@pytest.fixture
def former(address):
    """Return the address of a registry of schema 0034 with a data set and a model, each renamed, with tokens and refs."""
    registry = Registry.open(address)
    fill(registry, an_artifact("ada/old-data", kind="dataset"), an_artifact("ada/old-model"))
    for old, new in (("datasets/ada/old-data", "datasets/ada/cats"), ("ada/old-model", "ada/dogs")):
        move_repository(registry.database, ArtifactName.parse(old, ""), ArtifactName.parse(new, ""), ADA)
    account = Accounts(registry.database).add("ada", ADA)
    for each in ("ada/cats", "ada/dogs"):
        Tokens(registry.database).create(account, "read", ADA, artifact=each)
    create_ref(
        registry.database,
        ArtifactName("ada", "dogs"),
        "v1",
        registry.head(ArtifactName("ada", "dogs")),
        ADA,
        kind="tag",
    )
    downgrade(registry)
    registry.close()
    return address


def test_data_sets_of_an_older_registry_get_names_of_their_own(former):
    registry = Registry.open(former)
    assert registry.database.version() == HEAD
    cats = ArtifactName("ada", "cats", is_dataset=True)
    assert registry.names() == ["ada/dogs", "datasets/ada/cats"]
    assert registry.get("ada/cats").name == registry.get("datasets/ada/cats").name == cats
    fill(registry, an_artifact("ada/cats"))  # Now a model can have the name, and comes first.
    assert registry.get("ada/cats").kind == "adapter"
    rows = registry.database.rows("SELECT artifact FROM tokens ORDER BY artifact")
    assert [row[0] for row in rows] == ["ada/dogs", cats.key]
    rows = registry.database.rows("SELECT key, moved_to FROM tombstones ORDER BY key")
    assert [tuple(row) for row in rows] == [
        ("ada/old-model", "ada/dogs"),
        ("datasets/ada/old-data", "datasets/ada/cats"),
    ]
    assert str(cats) in [job.subject for job in registry.jobs()]
    registry.close()


def test_branches_and_tags_of_an_older_registry_stay(former):
    registry = Registry.open(former)
    dogs = ArtifactName("ada", "dogs")
    assert [(each.name, each.kind) for each in registry.refs(dogs)] == [("main", "branch"), ("v1", "tag")]
    create_ref(registry.database, dogs, "v1", registry.head(dogs), ADA)  # A branch named like the tag.
    assert [(each.name, each.kind) for each in registry.refs(dogs)][1:] == [("v1", "branch"), ("v1", "tag")]
    registry.close()
