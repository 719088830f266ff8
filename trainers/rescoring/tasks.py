"""Open the data of trials, each once, and check that they are those of the scores. Torch is imported only when data are opened."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.errors import HubError, InvalidRequest, Unreachable
from hub.local import LocalHub
from hub.plugins import names
from trainers import defaults
from trainers.evaluation.data_task import DataOptions
from trainers.rescoring.run_record import RunRecord
from trainers.rescoring.trials import Trial

if TYPE_CHECKING:
    from trainers.corpora.corpus import Corpus
    from trainers.evaluation.run_published import OpenedBenchmark

NOT_HERE = "the data of the benchmark is not available here"


class Tasks:
    """Makes the tasks of trials."""

    def __init__(self, hub: LocalHub, choice: DataOptions, corpus: str, *, follows_commands: bool, quiet: bool) -> None:
        self._hub, self._choice, self._corpus, self._quiet = hub, choice, corpus, quiet
        self._follows_commands = follows_commands
        self._corpora: dict[tuple[object, ...], Corpus | None] = {}
        self._published: dict[tuple[object, ...], OpenedBenchmark] = {}

    def find(self, trial: Trial) -> tuple[Any, Any] | str:
        """Return the benchmark and the task of a trial, or the reason why it cannot be repeated here."""
        from trainers.evaluation import get_benchmark
        from trainers.evaluation.evaluator import DataBenchmark, EvaluationTask, corpus_options
        from trainers.evaluation.prompts.corpus_prompts import CorpusPrompts

        record = trial.record if self._follows_commands else RunRecord()
        benchmark: Any = get_benchmark(trial.benchmark)
        if isinstance(benchmark, DataBenchmark) and type(benchmark) is not CorpusPrompts:
            return self._find_published(trial, benchmark, self._options(record))
        corpus = self._open_corpus(trial, record)
        if isinstance(corpus, str):
            return corpus
        if type(benchmark) is not CorpusPrompts:
            return benchmark, EvaluationTask(
                corpus, trial.split, trial.language, self._hub, trial.count, trial.seed, self._quiet
            )
        options = replace(self._options(record), place="", corpus=tuple(corpus_options(corpus)))
        try:
            benchmark.check_options(options)
            return benchmark, self._task(trial, benchmark.open_corpus(corpus, trial.split), options)
        except InvalidRequest as error:
            return str(error)

    def _find_published(self, trial: Trial, benchmark: Any, options: DataOptions) -> tuple[Any, Any] | str:
        from trainers.evaluation.run_published import open_published

        if not options.place:
            return "published benchmarks need --data and --judge"
        key = trial.benchmark, trial.split, options
        if key not in self._published:
            try:
                self._published[key] = open_published({trial.benchmark: benchmark}, [trial.split], options)[0]
            except (InvalidRequest, Unreachable) as error:
                return f"{str(error).rstrip('.')}; --data names another folder"
        opened = self._published[key]
        if trial.language not in opened.data.languages or opened.data.digest(trial.language) != trial.digest:
            return f"{NOT_HERE}: that of `{options.place}` has another digest"
        return opened.benchmark, self._task(trial, opened.data, options)

    def _task(self, trial: Trial, data: Any, options: DataOptions) -> Any:
        from trainers.evaluation.data_task import DataTask

        return DataTask(
            data=data, digest=trial.digest, split=trial.split, language=trial.language, hub=self._hub, choice=options,
            count=trial.count, seed=trial.seed, quiet=self._quiet,
        )  # fmt: skip

    def _options(self, record: RunRecord) -> DataOptions:
        """Return the options of the command line, and for those that were not given, the stored ones."""
        given, steps, guidance = self._choice, record.get("--steps"), record.get("--guidance")
        return replace(
            given,
            place=given.place or record.get("--data"),
            judge=given.judge or record.get("--judge"),
            metrics=given.metrics or record.all("--metric"),
            steps=int(steps) if given.steps is None and steps else given.steps,
            guidance=float(guidance) if given.guidance is None and guidance else given.guidance,
            force=given.force or ("--force", "") in record.options,
        )

    def _open_corpus(self, trial: Trial, record: RunRecord) -> Corpus | str:
        """Return the corpus with the digest of a trial: an installed one, or that of the command line or of the stored command."""
        place = self._corpus or record.get("--corpus")
        key = trial.digest, place, record.options, trial.base
        if key not in self._corpora:
            found = _installed(trial.digest)
            if found is None and place:
                try:
                    found = self._open(place, trial.base, record)
                except HubError as error:
                    return f"{str(error).rstrip('.')}; --corpus names another place"
            self._corpora[key] = found if found is not None and found.digest == trial.digest else None
        corpus = self._corpora[key]
        return corpus if corpus is not None else f"{NOT_HERE}{f': `{place}` has another digest' if place else ''}"

    def _open(self, place: str, base: str, record: RunRecord) -> Corpus:
        from trainers.corpora import open_corpus
        from trainers.corpora.columns import Columns
        from trainers.frozen.find_frozen import find_base, image_side

        share = float(record.get("--held-out-share") or defaults.HELD_OUT_SHARE)
        columns = Columns.parse(record.get("--image-column"), record.all("--caption-column"), share)
        side = image_side(find_base(base, self._hub).folder) if base and columns.captions else 224
        return open_corpus(place, columns, side, self._hub.home.caches)


def _installed(digest: str) -> Corpus | None:
    """Return the installed corpus with this digest, or None."""
    from trainers.corpora import CORPORA, GROUP, open_corpus

    for name in sorted(names(GROUP, CORPORA), key=lambda name: name != defaults.CORPUS):
        with suppress(HubError, OSError):  # One that cannot be opened is not the one.
            if (corpus := open_corpus(name)).digest == digest:
                return corpus
    return None
