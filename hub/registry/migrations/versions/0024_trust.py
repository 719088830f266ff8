"""What scanners and signatures say of revisions.

Revision ID: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "scans",
        *_texts("digest", "name", "kind", "verdict", "scanner"),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("scanned_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("scans_by_scanner", "scans", ["scanner"], unique=False)
    op.create_table(
        "signing_keys",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("account_id", WHOLE, nullable=False),
        *_texts("name", "kind", "fingerprint", "pem"),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("account_id", "fingerprint"),
    )
    op.create_table(
        "signatures",
        *_texts("revision_id"),
        sa.Column("verified", sa.Boolean(), nullable=False),
        *_texts("method", "signer", "account", "fingerprint", "reason"),
        sa.PrimaryKeyConstraint("revision_id"),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], ondelete="CASCADE"),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]
