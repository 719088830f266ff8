"""Choose what to run so that the scores in a card are repeated. Torch is not imported here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hub.errors import UnknownArtifact
from hub.local import LocalHub
from hub.plugins import names
from hub.records import Artifact, Provenance, Score
from hub.registry import CURATED_OWNER
from hub.registry.scores.scores import UnknownScore, score_id
from hub.scores.metrics import COSTS, is_control
from trainers.evaluation import BENCHMARKS, GROUP
from trainers.rescoring.run_record import RunRecord, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of a benchmark, which answers every score of the same split, language, base and seed."""

    benchmark: str
    digest: str
    """Digest of the benchmark that the scores were measured on."""
    split: str
    language: str
    base: str
    """Full name of the base to load; empty for an encoder."""
    seed: int
    count: int
    """Number of prompts, as claimed."""
    record: RunRecord = field(default_factory=RunRecord)
    """The options of the stored command that belong to the measurement, for benchmarks that take any."""


def known_benchmarks() -> list[str]:
    """Return the names of the benchmarks that this hub can run."""
    return names(GROUP, BENCHMARKS)


def trials_of(
    artifact: Artifact,
    hub: LocalHub,
    *,
    languages: Iterable[str] = (),
    splits: Iterable[str] = (),
    base: str = "",
    most: int = 0,
) -> list[Trial]:
    """Return the runs that repeat the scores of a card, in its order; empty filters let everything pass.

    Left out are scores of third parties, of benchmarks and bases that this hub does not have, of the base alone, means over languages,
    and costs: times depend on the load of a machine. `most` is the maximum number of prompts of a run; 0 means as many as claimed.
    """
    benchmarks, languages, splits = set(known_benchmarks()), set(languages), set(splits)
    found: dict[Trial, list[int]] = {}
    for score in artifact.scores:
        if score.provenance is Provenance.REPORTED or is_control(score) or score.benchmark not in benchmarks:
            continue
        if not score.language or score.metric.startswith(COSTS):
            continue
        if (languages and score.language not in languages) or (splits and score.split not in splits):
            continue
        name = _base_of(score, artifact, hub)
        if name is None or (base and base not in {name, name.rpartition("/")[2]}):
            continue
        record = read_record(score)
        trial = Trial(
            benchmark=score.benchmark, digest=score.benchmark_digest, split=score.split, language=score.language,
            base=name, seed=score.seed or 0, count=0, record=RunRecord(record.measurement),
        )  # fmt: skip
        # The command counts prompts or images, and n can count an image's captions.
        found.setdefault(trial, []).append((score.sample_size or 0) if record.problem else int(record.get("--n")))
    trials = []
    for trial, counts in found.items():
        count = 0 if 0 in counts else max(counts)
        trials.append(replace(trial, count=min(count, most) if most and count else count or most))
    return trials


def record_problems(artifact: Artifact, hub: LocalHub, trials: Iterable[Trial]) -> list[str]:
    """Return a line for each implausible run record of the trials' scores. Their scores are measured nevertheless."""
    measured = {(each.benchmark, each.split, each.language) for each in trials}
    known = [each.id for each in hub.registry.revisions(artifact.name, with_files=False)]
    found: dict[str, list[str]] = {}
    for score in artifact.scores:
        if score.provenance is Provenance.REPORTED or (score.benchmark, score.split, score.language) not in measured:
            continue
        record = read_record(score)
        problem = record.problem
        if not problem and record.revision and not any(each.startswith(record.revision) for each in known):
            problem = f"it is about revision {record.revision}, which `{artifact.name}` does not have"
        if problem:
            found.setdefault(problem, []).append(f"{score.metric} on {score.benchmark}/{score.split}, {score.language}")
    return [
        f"the run record of {each[0]}{f' and {len(each) - 1} more' if each[1:] else ''} cannot be true: {problem}."
        for problem, each in found.items()
    ]


def only_score(artifact: Artifact, known: str) -> Artifact:
    """Return the artifact with the one score that has this id. Raises UnknownScore."""
    found = tuple(each for each in artifact.scores if score_id(each) == known)
    if not found:
        raise UnknownScore(known, listing=f"hub show {artifact.name} --scores")
    return replace(artifact, scores=found)


def is_curated(trial: Trial) -> bool:
    """Return whether the base comes with linguahub, so that the author of the score has not made its images."""
    return not trial.base or trial.base.startswith(f"{CURATED_OWNER}/")


def base_in_score(trial: Trial) -> str:
    """Return the base as a score names it: without the owner if it is curated."""
    return trial.base.removeprefix(f"{CURATED_OWNER}/")


def _base_of(score: Score, artifact: Artifact, hub: LocalHub) -> str | None:
    """Return the full name of the base of a score; empty for an encoder alone, None if this hub does not have it."""
    if artifact.kind == "base":
        return str(artifact.name) if score.base in {"", artifact.name.name, str(artifact.name)} else None
    if not artifact.variants:
        return "" if not score.base else None
    for variant in artifact.variants:
        wanted = variant.base.name
        if score.base in {wanted, wanted.rpartition("/")[2]}:
            try:
                return str(hub.registry.get(wanted).name)
            except UnknownArtifact:
                return None
    return None
