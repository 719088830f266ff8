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
from typing import TYPE_CHECKING, Any

from hub.errors import HubError
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.plugins import names
from hub.records import Artifact, Score
from hub.registry import CURATED_OWNER
from trainers import defaults
from trainers.evaluation.data_task import NO_DATA, DataOptions
from trainers.rescoring.trials import Trial, base_in_score, is_curated, trials_of

if TYPE_CHECKING:
    from trainers.corpora.corpus import Corpus
    from trainers.evaluation.run_published import OpenedBenchmark


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
    artifact: Artifact,
    trials: Sequence[Trial],
    hub: LocalHub,
    *,
    device: str | None = None,
    quiet: bool = False,
    choice: DataOptions = NO_DATA,
) -> Iterator[tuple[Trial, list[Score]]]:
    """Run trials on the artifact's current revision, and yield each with its scores; empty if its data are not here.

    The data of published benchmarks, and their judge, are those of `choice`.

    Raises the errors of `load_pipeline`, `load_retriever` and benchmarks.
    """
    from trainers.evaluation.subjects import open_subject

    tasks = _Tasks(hub, choice, quiet=quiet)
    subjects = {}
    for trial in trials:
        found = tasks.find(trial)
        if found is None:
            yield trial, []
            continue
        benchmark, task = found
        if trial.base not in subjects:
            subject = open_subject(artifact, trial.base, hub, device)
            known = artifact.name.name if artifact.name.owner == CURATED_OWNER else str(artifact.name)
            subjects = {trial.base: replace(subject, name=known)}  # One at a time: a pipeline fills the memory.
        scores = benchmark.evaluate(subjects[trial.base], task)
        yield trial, [replace(score, base=base_in_score(trial)) if trial.base else score for score in scores]


class _Tasks:
    """Makes the tasks of trials, and opens each corpus and each published split once."""

    def __init__(self, hub: LocalHub, choice: DataOptions, *, quiet: bool) -> None:
        self._hub, self._choice, self._quiet = hub, choice, quiet
        self._corpora: dict[str, Corpus | None] = {}
        self._published: dict[tuple[str, str], OpenedBenchmark] = {}

    def find(self, trial: Trial) -> tuple[Any, Any] | None:
        """Return the benchmark and the task of a trial, or None if the data with its digest are not here."""
        from trainers.evaluation import get_benchmark
        from trainers.evaluation.data_task import DataTask
        from trainers.evaluation.evaluator import DataBenchmark, EvaluationTask
        from trainers.evaluation.prompts.corpus_prompts import CorpusPrompts
        from trainers.evaluation.run_published import open_published

        benchmark: Any = get_benchmark(trial.benchmark)
        if not isinstance(benchmark, DataBenchmark):
            if trial.digest not in self._corpora:
                self._corpora[trial.digest] = _corpus_with(trial.digest)
            corpus = self._corpora[trial.digest]
            if corpus is None:
                return None
            return benchmark, EvaluationTask(
                corpus, trial.split, trial.language, self._hub, trial.count, trial.seed, self._quiet
            )
        if type(benchmark) is CorpusPrompts or not self._choice.place or trial.split not in benchmark.splits:
            return None
        key = trial.benchmark, trial.split
        if key not in self._published:
            self._published[key] = open_published({trial.benchmark: benchmark}, [trial.split], self._choice)[0]
        opened = self._published[key]
        if trial.language not in opened.data.languages or opened.data.digest(trial.language) != trial.digest:
            return None
        return opened.benchmark, DataTask(
            data=opened.data, digest=trial.digest, split=trial.split, language=trial.language, hub=self._hub, choice=self._choice,
            count=trial.count, seed=trial.seed, quiet=self._quiet,
        )  # fmt: skip


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
