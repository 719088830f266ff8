"""List the methods that can train a module for a base, with cost, command and arguments for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hub.advice.tables import Cost, Criterion, Method, costs, family_of, lab_bases, methods
from hub.publish.lineage import lineages
from hub.records import Artifact, Provenance, Query
from hub.registry import CURATED_OWNER, Registry
from hub.registry.scores.leaderboard import MAX_ENTRIES, LeaderboardQuery, leaderboards
from hub.registry.scores.parity_map import ParityQuery, Trial, place_of, trials_of
from hub.store import BlobStore

LAB = "emoji-sd"
"""The base whose measurements are reported if the requested base has none."""
MAX_RUNS = 10
"""Modules of a method whose training time is read."""
_SEEN = "seen"

_BUDGETS = (True, None, False)
"""Whether a cost is within the budget, in the order of the list; None where the cost or the budget is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The scores of a method's modules in one ranking."""

    base: str
    metric: str
    benchmark: str
    split: str
    setting: str
    provenance: str
    median: float
    scores: int
    """Number of modules and languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A way to train a module."""

    method: str
    command: str
    data: str
    """The data that it learns from, in words."""
    device_seconds: float | None
    device: str
    dollars: float | None
    within_budget: bool | None
    """None without a budget or a known cost."""
    cost_source: str
    evidence: Evidence | None
    study: tuple[str, ...]
    """Criteria of the study that name it."""
    unknown: tuple[str, ...]


def ways_to_train(
    registry: Registry,
    store: BlobStore,
    base: Artifact,
    languages: Sequence[str],
    *,
    applied: Sequence[Criterion],
    needs: Sequence[str],
    budget: float | None,
    price_per_hour: float,
) -> tuple[list[Training], dict[str, str]]:
    """Return the methods that train for a base, the most promising first, and why each other one does not.

    `applied`: the study's criteria that are about the question. `budget`: dollars.
    """
    family = family_of(base.name.name)
    if not family:
        reason = f"`{base.name.name}` is of a family that is not listed for `hub train`; check with `hub train METHOD --dry-run`"
        return [], {each.name: reason for each in methods()}
    evidence = evidence_on(registry, base.name.name) or evidence_on(registry, LAB)
    fitting = [each for each in methods() if family in each.fits]
    refused = {
        each.name: f"it does not train for {family}: see docs/train/families.md"
        for each in methods()
        if each not in fitting
    }
    refused |= {
        name: "it retrieves images and cannot generate them"
        for each in applied
        for name in each.methods
        if name.startswith("mclip")
    }
    # Asked once for all methods: a search for each one took most of the time of an answer.
    published = registry.find(Query(base=base.name.name, owner=CURATED_OWNER, limit=0, readers=()))
    found = []
    for method in fitting:
        is_published = method.name in published.facets["method"] or not published.is_exact
        has_cost = is_published or (method.name, base.name.name) in costs()
        cost = training_cost(registry, store, method.name, base.name.name) if has_cost else None
        dollars = cost.device_seconds / 3600 * price_per_hour if cost and cost.seconds is None else None
        within = dollars <= budget if dollars is not None and budget is not None else None
        found.append(
            Training(
                method=method.name, command=training_command(method, base.name.name, languages), data=method.data,
                device_seconds=cost.device_seconds if cost else None, device=cost.device if cost else "", dollars=dollars,
                within_budget=within, cost_source=cost.source if cost else "", evidence=evidence.get(method.name),
                study=tuple(each.need for each in applied if method.name in each.methods),
                unknown=tuple(_unknown(method.name, base.name.name, evidence, cost)),
            )
        )  # fmt: skip
    wanted = {each.need for each in applied} & set(needs)
    return sorted(found, key=lambda each: _order(each, wanted)), refused


def _order(training: Training, wanted: set[str]) -> tuple[object, ...]:
    """Order by budget (unknown costs after those within it), then by the requested criteria, by measurements, and by cost."""
    return (
        _BUDGETS.index(training.within_budget), not wanted & set(training.study), training.evidence is None,
        -(training.evidence.median if training.evidence else 0), training.device_seconds or float("inf"), training.method,
    )  # fmt: skip


def evidence_on(registry: Registry, base: str) -> dict[str, Evidence]:
    """Return the median score of each method on a base: in one ranking, on prompts that were not trained on if there are such."""
    trials = [*trials_of(registry.database, ParityQuery(base=base))]
    for is_seen in (False, True):
        possible = [each for each in trials if (each.split == _SEEN) == is_seen]
        best = min((place_of(each) for each in possible), default=0)
        for provenance in (Provenance.REPRODUCED, Provenance.SELF_REPORTED):
            found = [_medians(registry, base, each, provenance) for each in possible if place_of(each) == best]
            if most := max(found, key=len, default={}):
                return most
    return {}


def _medians(registry: Registry, base: str, trial: Trial, provenance: Provenance) -> dict[str, Evidence]:
    query = LeaderboardQuery(
        benchmark=trial.benchmark, metric=trial.metric, split=trial.split, digest=trial.benchmark_digest, base=base,
        provenance=provenance, readers=(),
    )  # fmt: skip
    boards = [
        each for each in leaderboards(registry.database, query, MAX_ENTRIES) if each.ranking.setting == trial.setting
    ]
    values: dict[str, list[float]] = defaultdict(list)
    for entry in (entry for board in boards for entry in board.entries):
        is_trusted = provenance is Provenance.REPRODUCED or entry.artifact.owner == CURATED_OWNER
        if is_trusted and entry.method and entry.score.language not in {"", "en"}:
            values[entry.method].append(entry.score.value)
    return {
        method: Evidence(
            base=base, metric=trial.metric, benchmark=trial.benchmark, split=trial.split, setting=trial.setting,
            provenance=provenance.value, median=median(found), scores=len(found),
        )
        for method, found in values.items()
    }  # fmt: skip


def training_cost(registry: Registry, store: BlobStore, method: str, base: str) -> Cost | None:
    """Return the cost of training: counted in the table, else the median of the runs recorded by modules of this base."""
    if (known := costs().get((method, base))) is not None:
        return known
    page = registry.find(
        Query(method=method, base=base, owner=CURATED_OWNER, limit=MAX_RUNS, scores="best", readers=())
    )
    seconds = [
        each.device_seconds
        for module in page.items
        if module.revision
        for each in lineages(registry.revision(module.name), store)
        if each.device_seconds is not None and each.folder == base
    ]
    if not seconds:
        return None
    source = f"median of {len(seconds)} run{'s' * (len(seconds) > 1)} of modules for `{base}`"
    return Cost(teraflop=None, seconds=median(seconds), steps=0, source=source)


def training_command(method: Method, base: str, languages: Sequence[str]) -> str:
    """Return the line that trains a module, with placeholders for data that only the reader has."""
    words = ["hub train", method.name, "--base", base, *(word for each in languages for word in ("--lang", each))]
    if base in lab_bases():
        return " ".join(words)
    if method.encoder:
        words += ["--encoder", method.encoder]
    words += ["--corpus", "FOLDER", "--caption-column", "en=COLUMN"]
    words += [word for each in languages for word in ("--caption-column", f"{each}=COLUMN")]
    return " ".join(words)


def _unknown(method: str, base: str, evidence: dict[str, Evidence], cost: Cost | None) -> list[str]:
    found = []
    known = evidence.get(method)
    if known is None:
        found.append(f"its scores on `{base}`")
    elif known.base != base:
        found.append(f"its scores on `{base}`: it was only measured on `{known.base}`, which is small")
    if cost is None:
        found.append("its cost, which `--dry-run` estimates")
    return found
