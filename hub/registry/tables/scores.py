"""The tables of scores and disputes. Imported only for writing and for creating the schema."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table

_RANKING_COLUMNS = (
    "metric", "provenance", "benchmark", "benchmark_digest", "split", "unit", "better", "setting", "value", "artifact_id", "base",
)  # fmt: skip


class ScoreRow(Table):
    """One measured value with its context."""

    __tablename__ = "scores"
    __table_args__ = (
        CheckConstraint(
            "provenance in ('reproduced', 'self-reported', 'reported', 'disputed')", name="scores_have_a_provenance"
        ),
        CheckConstraint("source <> ''", name="scores_have_a_source"),
        Index("scores_by_ranking", "artifact_id", "language", "ranking"),
        Index("scores_by_place", "artifact_id", "ranking"),
        Index("scores_by_benchmark", "benchmark", "metric", "language", "value"),
        Index("scores_by_metric", "metric", "provenance", "value", "artifact_id"),
        Index("scores_by_language", "language", "metric", "provenance", "value", "artifact_id"),
        Index("scores_by_ranking_and_value", *_RANKING_COLUMNS),
        Index("scores_by_language_and_ranking", "language", *_RANKING_COLUMNS),
    )

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str]
    value: Mapped[float]
    benchmark: Mapped[str]
    benchmark_digest: Mapped[str]
    split: Mapped[str]
    language: Mapped[str]
    base: Mapped[str]
    unit: Mapped[str]
    better: Mapped[str]
    provenance: Mapped[str]
    source: Mapped[str]
    reason: Mapped[str]
    sample_size: Mapped[int | None]
    seed: Mapped[int | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    setting: Mapped[str] = mapped_column(default="", server_default="")
    """Further property that must be equal in one ranking: see `hub.registry.scores.rankings.setting_of`."""
    ranking: Mapped[float]
    """Lower is better; see `hub.registry.index.ranking`."""
    author: Mapped[str] = mapped_column(default="", server_default="")
    """The account that published it through the server; empty for a score of the card."""
    revision: Mapped[str] = mapped_column(default="", server_default="")
    """Id of the measured revision; this and the next three columns are for published scores. Reproduced ones have it, too."""
    run: Mapped[str] = mapped_column(default="", server_default="")
    machine: Mapped[str] = mapped_column(default="", server_default="")
    published_at: Mapped[datetime | None]


class EvaluationRow(Table):
    """A value that this hub has measured on a revision, from which reproduced scores are derived."""

    __tablename__ = "evaluations"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    benchmark: Mapped[str] = mapped_column(primary_key=True)
    benchmark_digest: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    base: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    unit: Mapped[str]
    better: Mapped[str]
    source: Mapped[str]
    sample_size: Mapped[int | None]
    seed: Mapped[int | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    at: Mapped[datetime]


class DisputeRow(Table):
    """An account that disputes a score, with a reason."""

    __tablename__ = "disputes"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    score: Mapped[str] = mapped_column(primary_key=True)
    """The result of `hub.registry.scores.scores.score_id`, which stays the same in new revisions with the same score."""
    account: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]


class ParityRow(Table):
    """The share of a base's English score that a score reaches, derived by `hub.registry.scores.parity`."""

    __tablename__ = "parities"
    __table_args__ = (
        Index("parities_by_cell", "cell", "rank", "artifact_id"),
        Index("parities_by_artifact", "artifact_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"))
    position: Mapped[int]
    """That of the score in `scores`."""
    cell: Mapped[str]
    rank: Mapped[float]
    value: Mapped[float]
    low: Mapped[float | None]
    high: Mapped[float | None]
    english: Mapped[float | None]
    provenance: Mapped[str]
