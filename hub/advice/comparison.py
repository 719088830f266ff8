"""Compare two to four artifacts: facts side by side, and comparable scores.

Two scores are compared if metric, benchmark and digest, split, language, base, unit, direction, provenance and setting are the same.
One of them is better only if its 95 % interval lies entirely beyond those of all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from hub.advice.memory_estimate import stated_parameters
from hub.cards.licenses import terms_of
from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.publish.lineage import lineages
from hub.records import Artifact, Provenance, Score
from hub.registry import Registry
from hub.registry.artifacts.files import find_files
from hub.registry.index.ranking import metric_place
from hub.registry.scores.baselines import translation_scores
from hub.scores.metrics import BASE_ALONE, COSTS, ENGLISH_BASE, is_control
from hub.scores.setting import setting_of
from hub.store import BlobStore

FEWEST, MOST = 2, 4
"""Artifacts of a comparison."""
BASE, ENGLISH, TRANSLATED = "base alone", "English prompts", "translated"
"""Names of the baselines: the base without a module, the base with the English prompts, and a translator before the base."""
MAX_VARIANTS = 20
"""Variants of an artifact whose cost of training is read."""
MAX_DATA = 30
"""Splits of benchmarks whose translated scores are looked up; artifacts can have thousands of scores."""
_PROTOCOL = ("metric", "benchmark", "benchmark_digest", "split", "language", "base", "unit", "better")
_DIFFERENCES = {
    "benchmark_digest": "data", "split": "split", "base": "base", "unit": "unit", "better": "direction",
    "provenance": "provenance", "setting": "sample size or machine",
}  # fmt: skip
"""Property that distinguishes scores of one metric, benchmark and language → its name in messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedVariant:
    """The training run of a variant."""

    base: str
    seconds: float
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about an artifact: its kind, bases and cost."""

    artifact: str
    kind: str
    method: str
    bases: tuple[str, ...]
    encoder: str
    languages: tuple[str, ...]
    trained_languages: tuple[str, ...]
    """Languages of its training prompts; empty if these are all of `languages`."""
    parameters: int | None
    """Parameters of its own weights; None if unknown from both weights and card."""
    size_bytes: int | None
    """Size of its files, or of its weights upstream; None if unknown."""
    license: str
    commercial_use: str
    training: tuple[TrainedVariant, ...]
    """The training runs that its variants record."""
    costs: tuple[Score, ...]
    """Scores of its cost, from its card and others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The properties that comparable scores share, except for the language."""

    metric: str
    benchmark: str
    benchmark_digest: str
    split: str
    base: str
    """Empty in a comparison of bases."""
    unit: str
    better: str
    """`up` or `down`."""
    provenance: str
    setting: str
    """The class of the sample size, or the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The scores of a protocol in one language."""

    protocol: Protocol
    language: str
    scores: tuple[Score | None, ...]
    """In the order of the artifacts."""
    baselines: dict[str, Score]
    """BASE, ENGLISH and TRANSLATED on the same data and setting, as far as they were measured. Their provenance may differ."""
    translator: str
    """Name of the artifact that translated; empty without such a score."""
    best: int | None
    """Position of the artifact whose interval is entirely better than all others; None if there is none."""
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Artifacts side by side."""

    artifacts: tuple[Artifact, ...]
    facts: tuple[Facts, ...]
    common_languages: tuple[str, ...]
    """Languages of all of them."""
    rows: tuple[Row, ...]
    """The most informative metric first."""
    incomparable: int
    """Scores that only one of them has."""
    differences: tuple[str, ...]
    """Properties that distinguish scores of the same metric, benchmark and language: `split`, `base` …"""


def check_names(names: Sequence[str]) -> None:
    """Check the number of names before they are looked up. Raises InvalidRequest."""
    if not FEWEST <= len(names) <= MOST:
        what = "leave some out" if len(names) > MOST else "name more"
        raise InvalidRequest(f"a comparison takes {FEWEST} to {MOST} artifacts, not {len(names)}: {what}.")


def compare(
    registry: Registry, store: BlobStore, artifacts: Sequence[Artifact], front_matters: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compare artifacts. `front_matters` are those of their cards, in the same order.

    Raises InvalidRequest for a wrong number of artifacts, or for a repeated one.
    """
    check_names([str(each.name) for each in artifacts])
    twice = [
        each.name for number, each in enumerate(artifacts) if each.name in {one.name for one in artifacts[:number]}
    ]
    if twice:
        raise InvalidRequest(f"`{twice[0]}` is given twice: a comparison needs different artifacts.")
    found: dict[tuple[Protocol, str], dict[ArtifactName, Score]] = {}
    are_bases = all(each.kind == "base" for each in artifacts)
    for artifact in artifacts:
        for score in artifact.scores:
            if not is_control(score) and score.provenance is not Provenance.DISPUTED:
                key = _protocol(score, artifact, are_bases=are_bases), score.language
                found.setdefault(key, {}).setdefault(artifact.name, score)
    common = {key: scores for key, scores in found.items() if len(scores) > 1}
    baselines = _baselines(registry, artifacts, common)
    tags = [*dict.fromkeys(tag for each in artifacts for tag in each.languages)]
    sizes = Counter(protocol for (protocol, _), scores in common.items() for _ in scores)
    keys = sorted(common, key=lambda key: _place(key[0], key[1], sizes, tags))
    return Comparison(
        artifacts=tuple(artifacts),
        facts=tuple(map(_facts, [registry] * len(artifacts), [store] * len(artifacts), artifacts, front_matters)),
        common_languages=tuple(tag for tag in tags if all(tag in each.languages for each in artifacts)),
        rows=tuple(_row(artifacts, key, common[key], *baselines.get(key, ({}, ""))) for key in keys),
        incomparable=sum(len(scores) == 1 for scores in found.values()),
        differences=_differences(found),
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as the API and `--json` write it."""
    names = [str(each.name) for each in comparison.artifacts]
    return {
        "artifacts": names,
        "facts": [asdict(each) for each in comparison.facts],
        "common_languages": comparison.common_languages,
        "rows": [
            {
                **{field: getattr(row.protocol, field) for field in Protocol.__slots__},
                "language": row.language,
                "columns": [
                    {"artifact": name, "score": None if score is None else asdict(score)}
                    for name, score in zip(names, row.scores, strict=True)
                ],
                "baselines": {label: asdict(score) for label, score in row.baselines.items()},
                "translator": row.translator,
                "best": None if row.best is None else names[row.best],
                "verdict": row.verdict,
            }
            for row in comparison.rows
        ],
        "incomparable": comparison.incomparable,
        "differences": comparison.differences,
    }


def _protocol(score: Score, artifact: Artifact, *, are_bases: bool) -> Protocol:
    """Return the protocol of a score. A base is its own base, but bases that are compared with each other have no base in common."""
    base = "" if are_bases else score.base or (artifact.name.name if artifact.kind == "base" else "")
    fields = {name: getattr(score, name) for name in _PROTOCOL if name not in {"language", "base"}}
    return Protocol(**fields, base=base, provenance=str(score.provenance), setting=setting_of(score))


def _place(protocol: Protocol, language: str, sizes: Mapping[Protocol, int], tags: Sequence[str]) -> tuple[Any, ...]:
    """Return the sort key of a row: by metric, then the protocols with most scores, then the order of the artifacts' languages."""
    trust = [*Provenance].index(Provenance(protocol.provenance))
    position = tags.index(language) if language in tags else len(tags)
    texts = tuple(getattr(protocol, name) for name in Protocol.__slots__ if name != "provenance")
    return metric_place(protocol.metric), protocol.metric, -sizes[protocol], trust, texts, position, language


def _row(
    artifacts: Sequence[Artifact],
    key: tuple[Protocol, str],
    scores: Mapping[ArtifactName, Score],
    baselines: dict[str, Score],
    translator: str,
) -> Row:
    protocol, language = key
    ordered = tuple(scores.get(each.name) for each in artifacts)
    best = _best(ordered, protocol.better)
    return Row(
        protocol=protocol, language=language, scores=ordered, baselines=baselines, translator=translator, best=best,
        verdict=_verdict(artifacts, ordered, protocol.better, best),
    )  # fmt: skip


def _best(scores: Sequence[Score | None], better: str) -> int | None:
    """Return the position of the score whose interval is entirely better than those of all others; None if there is none."""
    sign = -1 if better == "down" else 1
    ends: dict[int, tuple[float, float]] = {}
    for number, score in enumerate(scores):
        if score is None:
            continue
        if score.low is None or score.high is None:
            return None
        low, high = sorted((sign * score.low, sign * score.high))
        ends[number] = low, high
    first = max(ends, key=lambda number: ends[number])
    return first if all(ends[first][0] > high for number, (_, high) in ends.items() if number != first) else None


def _verdict(artifacts: Sequence[Artifact], scores: Sequence[Score | None], better: str, best: int | None) -> str:
    """Return how the best two scores differ, as text."""
    if best is not None:
        return f"{artifacts[best].name} is better: the intervals don't overlap"
    given = {number: score for number, score in enumerate(scores) if score is not None}
    sign = -1 if better == "down" else 1
    first, second = sorted(given, key=lambda number: -sign * given[number].value)[:2]
    if given[first].value == given[second].value:
        return "equal"
    name = artifacts[first].name
    if any(score.low is None or score.high is None for score in given.values()):
        return f"{name} has the better value; without intervals its significance is unknown"
    return f"{name} has the better value; the intervals overlap"


def _baselines(
    registry: Registry, artifacts: Sequence[Artifact], common: Iterable[tuple[Protocol, str]]
) -> dict[tuple[Protocol, str], tuple[dict[str, Score], str]]:
    """Return the baselines of each row, and the translator: from the artifacts' own cards, else from the translator's."""
    known: dict[tuple[Protocol, str], tuple[str, Score]] = {}
    are_bases = all(each.kind == "base" for each in artifacts)

    def add(name: str, score: Score, artifact: Artifact | None) -> None:
        protocol = _protocol(score, artifact or artifacts[0], are_bases=are_bases)
        known.setdefault((replace(protocol, provenance=""), score.language), (name, score))

    for artifact in artifacts:
        for score in sorted(artifact.scores, key=lambda each: [*Provenance].index(each.provenance)):
            if score.metric.startswith((BASE_ALONE, ENGLISH_BASE)) and score.provenance is not Provenance.DISPUTED:
                add("", score, artifact)
    metrics: dict[tuple[str, str, str, str], set[str]] = {}
    for each, _ in common:
        if each.base and each.benchmark_digest:
            data = each.benchmark, each.benchmark_digest, each.split, each.base
            metrics.setdefault(data, set()).update((each.metric, BASE_ALONE + each.metric, ENGLISH_BASE + each.metric))
    compared = {each.name for each in artifacts}
    for (benchmark, digest, split, base), wanted in islice(metrics.items(), MAX_DATA):
        like = Score(
            metric="", value=0.0, benchmark=benchmark, benchmark_digest=digest, split=split, base=base,
            provenance=Provenance.SELF_REPORTED, source="",
        )  # fmt: skip
        for name, score in translation_scores(registry.database, like, sorted(wanted), artifacts[0].name):
            if name not in compared:
                add(str(name), score, None)
    return {key: _beside(known, *key) for key in common}


def _beside(
    known: Mapping[tuple[Protocol, str], tuple[str, Score]], protocol: Protocol, language: str
) -> tuple[dict[str, Score], str]:
    beside: dict[str, Score] = {}
    translator = ""
    for label, prefix in ((BASE, BASE_ALONE), (ENGLISH, ENGLISH_BASE), (TRANSLATED, "")):
        found = known.get((replace(protocol, metric=prefix + protocol.metric, provenance=""), language))
        if found is not None:
            beside[label] = found[1]
            translator = found[0] if label == TRANSLATED else translator
    return beside, translator


def _differences(found: Mapping[tuple[Protocol, str], Mapping[ArtifactName, Score]]) -> tuple[str, ...]:
    """Return what differs between scores that have metric, benchmark and language in common and are not comparable."""
    alone: dict[tuple[str, str, str], list[tuple[Protocol, ArtifactName]]] = {}
    for (protocol, language), scores in found.items():
        if len(scores) == 1 and not protocol.metric.startswith(COSTS):
            (only,) = scores
            alone.setdefault((protocol.metric, protocol.benchmark, language), []).append((protocol, only))
    differing = {
        name
        for same in alone.values()
        if len({artifact for _, artifact in same}) > 1
        for name in _DIFFERENCES
        if len({getattr(protocol, name) for protocol, _ in same}) > 1
    }
    return tuple(text for name, text in _DIFFERENCES.items() if name in differing)


def _facts(registry: Registry, store: BlobStore, artifact: Artifact, front_matter: Mapping[str, Any]) -> Facts:
    external = sum(file.size_bytes or 0 for file in artifact.upstream)
    is_external = bool(external) and not artifact.weights_digest
    return Facts(
        artifact=str(artifact.name), kind=artifact.kind, method=artifact.method, bases=artifact.bases, encoder=artifact.encoder,
        languages=artifact.languages, trained_languages=artifact.trained_languages,
        parameters=artifact.total_parameters or stated_parameters(front_matter),
        size_bytes=(external if is_external else artifact.size_bytes) or None,
        license=artifact.license, commercial_use=terms_of(front_matter).describe_use(artifact.license),
        training=_training(registry, store, artifact),
        costs=tuple(each for each in artifact.scores if each.metric.startswith(COSTS)),
    )  # fmt: skip


def _training(registry: Registry, store: BlobStore, artifact: Artifact) -> tuple[TrainedVariant, ...]:
    folders = {each.folder: each.base.name.rpartition("/")[2] for each in artifact.variants[:MAX_VARIANTS]}
    if not folders or not artifact.revision:
        return ()
    files = find_files(registry.database, artifact.revision, [f"{folder}/config.json" for folder in folders])
    shown = registry.revision(artifact.name, artifact.revision, with_files=False)
    return tuple(
        TrainedVariant(base=folders[each.folder], seconds=each.device_seconds, device=each.device)
        for each in lineages(replace(shown, files=tuple(files.values())), store)
        if each.device_seconds
    )
