"""Index the files of a revision by folder, store the ids of folders, and the owner that an upload counts against.

Revision ID: 0031
"""

import sqlalchemy as sa
from alembic import op

from hub.git_objects import blob_id, folder_ids, pointer
from hub.names import Digest
from hub.records import File, counted_files
from hub.registry.tables.base import TEXT

revision = "0031"
down_revision = "0030"
_FILES = sa.text("SELECT path, digest, size_bytes FROM files WHERE revision_id = :id")
_CHANGE = sa.text("UPDATE files SET folder = :folder, is_counted = :counted WHERE revision_id = :id AND path = :path")
_ADD = sa.text("INSERT INTO folders (revision_id, path, parent, oid) VALUES (:id, :path, :parent, :oid)")


def upgrade() -> None:
    """Add the columns and the table, and fill them for the revisions that exist."""
    op.add_column("files", sa.Column("folder", TEXT, nullable=False, server_default=""))
    op.add_column("files", sa.Column("is_counted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "folders",
        sa.Column(
            "revision_id", TEXT, sa.ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True, nullable=False
        ),
        sa.Column("path", TEXT, primary_key=True, nullable=False),
        sa.Column("parent", TEXT, nullable=False),
        sa.Column("oid", TEXT, nullable=False),
    )
    op.create_index("folders_by_parent", "folders", ["revision_id", "parent", "path"])
    for (revision_id,) in op.get_bind().execute(sa.text("SELECT id FROM revisions")).all():
        _index(op.get_bind(), revision_id)
    op.create_index("files_by_folder", "files", ["revision_id", "folder", "path"])
    for table, time in (("uploads", "at"), ("xorbs", "used_at")):
        op.add_column(table, sa.Column("owner", TEXT, nullable=False, server_default=""))
        op.create_index(f"{table}_by_owner", table, ["owner", time])
    op.add_column("uploads", sa.Column("is_part", sa.Boolean(), nullable=False, server_default=sa.false()))


def _index(connection: sa.Connection, revision_id: str) -> None:
    """Compute the folders and the counted files of one revision."""
    rows = connection.execute(_FILES, {"id": revision_id})
    files = [File(path, Digest(digest), size) for path, digest, size in rows]
    counted = counted_files(files)
    changed = [
        {"id": revision_id, "path": each.path, "folder": _parent(each.path), "counted": each.path in counted}
        for each in files
        if "/" in each.path or each.path in counted
    ]
    folders = folder_ids({each.path: blob_id(pointer(each)) for each in files})
    added = [{"id": revision_id, "path": path, "parent": _parent(path), "oid": oid} for path, oid in folders.items()]
    for statement, values in ((_CHANGE, changed), (_ADD, added)):
        if values:
            connection.execute(statement, values)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
