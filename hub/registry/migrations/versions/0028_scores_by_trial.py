"""Scores in the order of their values for each benchmark and split: a rare one is found without reading all others.

Revision ID: 0028
"""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    ordered = ["metric", "provenance", "benchmark", "split", "value", "artifact_id", "base"]
    op.create_index("scores_by_trial", "scores", ordered)
    op.create_index("scores_by_trial_and_language", "scores", ["language", *ordered])
