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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Artifact, Score
from hub.registry import CURATED_OWNER
from trainers.evaluation.data_task import NO_DATA, DataOptions
from trainers.rescoring.tasks import Tasks
from trainers.rescoring.trials import Trial, base_in_score, is_curated, trials_of

if TYPE_CHECKING:
    from trainers.evaluation.evaluator import EvaluationSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The measurements and limits of the child process."""

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
    artifact: Artifact,
    trials: Sequence[Trial],
    hub: LocalHub,
    *,
    device: str | None = None,
    quiet: bool = False,
    choice: DataOptions = NO_DATA,
    corpus: str = "",
    follows_commands: bool = False,
) -> Iterator[tuple[Trial, list[Score], str]]:
    """Run trials on the artifact's current revision, and yield each with its scores, or the reason why there are none.

    Published benchmarks read the data and the judge of `choice`, and `corpus-prompts` the corpus. With `follows_commands`, what these
    leave out is taken from the commands in the card: a card of a stranger then decides which folders of this machine are read.

    Raises the errors of `load_pipeline`, `load_retriever` and benchmarks.
    """
    from trainers.evaluation.subjects import open_subject

    tasks = Tasks(hub, choice, corpus, follows_commands=follows_commands, quiet=quiet)
    subjects: dict[str, EvaluationSubject] = {}
    for trial in trials:
        found = tasks.find(trial)
        if isinstance(found, str):
            yield trial, [], found
            continue
        benchmark, task = found
        if trial.base not in subjects:
            subject = open_subject(artifact, trial.base, hub, device)
            known = artifact.name.name if artifact.name.owner == CURATED_OWNER else str(artifact.name)
            subjects = {trial.base: replace(subject, name=known)}  # One at a time: a pipeline fills the memory.
        try:
            scores = benchmark.evaluate(subjects[trial.base], task)
        except InvalidRequest as error:
            if not follows_commands:
                raise
            yield trial, [], str(error)
            continue
        yield trial, [replace(score, base=base_in_score(trial)) if trial.base else score for score in scores], ""


def _run(request: Request, answers: Path) -> None:
    from trainers.options import prepare_libraries

    prepare_libraries()
    with LocalHub.open() as hub, answers.open("w", encoding="utf-8") as written:
        artifact = hub.registry.get(ArtifactName.parse(request.artifact, CURATED_OWNER))
        if artifact.revision != request.revision:
            return
        trials = [each for each in trials_of(artifact, hub, most=request.prompts) if is_curated(each)]
        for _, scores, _ in measure(artifact, trials[: request.trials], hub, device=request.device, quiet=True):
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
