"""Run trials on this machine. As a program, the worker's child process: it limits itself, then measures one artifact.

    python -m trainers.rescoring.measure REQUEST ANSWERS

REQUEST is a JSON file with the fields of `Request`. Each score is a line of JSON in ANSWERS as soon as it is measured, so that a
process that is stopped loses only its last trial.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.plugins import names
from hub.records import Artifact, Score
from hub.registry import CURATED_OWNER
from trainers import defaults
from trainers.rescoring.trials import Trial, base_in_score, is_curated, trials_of

if TYPE_CHECKING:
    from trainers.corpora.corpus import Corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the child process measures, and within which limits."""

    artifact: str
    revision: str
    memory_bytes: int
    """Maximum address space; 0 for no limit, which CUDA needs."""
    prompts: int
    """Maximum number of prompts of a trial."""
    trials: int
    """Maximum number of trials."""
    device: str = "cpu"


def measure(
    artifact: Artifact, trials: Sequence[Trial], hub: LocalHub, *, device: str | None = None, quiet: bool = False
) -> Iterator[tuple[Trial, list[Score]]]:
    """Run trials on the artifact's current revision, and yield each with its scores; empty if its benchmark is not known here.

    Raises the errors of `load_pipeline`, `load_retriever` and evaluators.
    """
    from trainers.evaluation import get_evaluator
    from trainers.evaluation.evaluate import open_subject
    from trainers.evaluation.evaluator import EvaluationTask

    corpora: dict[str, Corpus | None] = {}
    subjects = {}
    for trial in trials:
        if trial.digest not in corpora:
            corpora[trial.digest] = _corpus_with(trial.digest)
        corpus = corpora[trial.digest]
        if corpus is None:
            yield trial, []
            continue
        if trial.base not in subjects:
            subject = open_subject(artifact, trial.base, hub, device)
            known = artifact.name.name if artifact.name.owner == CURATED_OWNER else str(artifact.name)
            subjects = {trial.base: replace(subject, name=known)}  # One at a time: a pipeline fills the memory.
        task = EvaluationTask(corpus, trial.split, trial.language, hub, trial.count, trial.seed, quiet)
        scores = get_evaluator(trial.benchmark).evaluate(subjects[trial.base], task)
        yield trial, [replace(score, base=base_in_score(trial)) if trial.base else score for score in scores]


def _corpus_with(digest: str) -> Corpus | None:
    """Return the installed corpus with this digest, or None."""
    from trainers.corpora import CORPORA, GROUP, open_corpus

    for name in sorted(names(GROUP, CORPORA), key=lambda name: name != defaults.CORPUS):
        with suppress(HubError, OSError):  # One that cannot be opened is not the one.
            if (corpus := open_corpus(name)).digest == digest:
                return corpus
    return None


def _run(request: Request, answers: Path) -> None:
    from trainers.options import prepare_libraries

    prepare_libraries()
    with LocalHub.open() as hub, answers.open("w", encoding="utf-8") as written:
        artifact = hub.registry.get(ArtifactName.parse(request.artifact, CURATED_OWNER))
        if artifact.revision != request.revision:
            return
        trials = [each for each in trials_of(artifact, hub, most=request.prompts) if is_curated(each)]
        for _, scores in measure(artifact, trials[: request.trials], hub, device=request.device, quiet=True):
            for score in scores:
                written.write(json.dumps(asdict(score)) + "\n")
            written.flush()


def _main(arguments: Sequence[str]) -> int:
    request = Request(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if request.memory_bytes:  # Set before torch is imported and before anything of the artifact is read.
        resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes, request.memory_bytes))
    try:
        _run(request, Path(arguments[1]))
    except HubError as error:
        print(error, file=sys.stderr)
        return 1
    except (MemoryError, ImportError) as error:  # A library that does not fit is an ImportError.
        print(f"out of memory: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
