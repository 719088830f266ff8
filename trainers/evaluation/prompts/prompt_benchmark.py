"""Evaluate any base, alone or with a module, on published prompts.

Shape letters: N prompts, G distinct texts, D the judge's features, L languages.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.errors import InvalidRequest
from hub.languages import language_name
from hub.records import Score
from hub.scores.metrics import ENGLISH_BASE
from trainers.evaluation.confidence import bootstrap_mean, bootstrap_ratio
from trainers.evaluation.data_folder import DataFolder
from trainers.evaluation.data_task import COSTS, DataOptions, DataTask
from trainers.evaluation.evaluator import EvaluationSubject, make_score, versions
from trainers.evaluation.fid import floor_of, frechet_distance, kernel_distance
from trainers.evaluation.generation import RANKS, batch_size_of
from trainers.evaluation.judge import ranks
from trainers.evaluation.prompts.choose_metrics import ENGLISH, Situation, check_metrics, choose_metrics
from trainers.evaluation.prompts.clip_judge import ClipJudge
from trainers.evaluation.prompts.image_results import ReadText, image_file, judge_prompts
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, Prompts, PromptSet
from trainers.evaluation.prompts.read_text import plain_text, similarity, text_reader
from trainers.evaluation.results.result_log import Result, ResultLogs
from trainers.evaluation.results.work import Work, results_of
from trainers.inputs.feature_cache import key_of
from trainers.loop.sampler import generator_of

logger = logging.getLogger(__name__)
COMPARED = ("r_precision_at_1", "r_precision_at_10", "clip_score")
"""Metrics of which parity and English drop are computed."""


OWN, ENGLISH_BY_BASE, ENGLISH_BY_MODULE = "own", "english-base", "english-module"
"""The images that an evaluation can need: of the prompts, and of their English meanings by the base alone and through the module."""


class _Run(NamedTuple):
    """One evaluation: what it reads, what it computes, and the images that it needs."""

    subject: EvaluationSubject
    task: DataTask
    judge: ClipJudge
    prompts: list[BenchmarkPrompt]
    chosen: set[str]
    fewest: int
    """Fewest images of a Fréchet distance without a label."""
    works: dict[str, Work]

    def results(self, name: str) -> list[Result]:
        """Return the results of the images of one kind."""
        return results_of(self.works[name], self.subject, quiet=self.task.quiet)


class PromptBenchmark(ABC):
    """A benchmark of generation on published prompts.

    A subclass defines how its files are read. One object evaluates all languages of a run: English images that languages share are
    generated once.
    """

    name: str
    needs = "pipeline"
    splits: tuple[str, ...] = ("test",)
    default_count = 256
    """Prompts per language without `--n`."""
    layout: str
    """The files that it expects, for messages."""
    judges_meaning = True
    """Whether the judge reads the English meaning of a prompt, or the prompt itself."""
    clip_scale = 1.0
    """Factor of the cosine in `clip_score`."""
    is_about_culture = False
    """Whether the prompts are about the culture of their language."""

    def __init__(self) -> None:
        self._judge: ClipJudge | None = None
        self._logs = ResultLogs(None)
        self._texts: dict[tuple[str, ...], Tensor] = {}

    @abstractmethod
    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read the prompts of a split. Raises `InvalidRequest` and `DamagedFile`."""

    def open(self, folder: Path, split: str) -> PromptSet:
        """Read the prompts of a split. Raises `InvalidRequest` and `DamagedFile`."""
        return self.read(DataFolder(self.name, folder, self.layout), split)

    def evaluate(self, subject: EvaluationSubject, task: DataTask) -> list[Score]:
        """Return the scores of a base or module in one language. Raises `InvalidRequest`."""
        run = self._plan(subject, task)
        data: Prompts = task.data
        if (note := data.notes.get(task.language)) and not task.quiet:
            logger.warning("%s/%s, %s: %s", self.name, task.split, task.language, note)
        own, chosen = run.results(OWN), run.chosen
        values = self._per_prompt(run, own, run.prompts, english=False)
        scores = self._means(run, values, chosen)
        if "text_accuracy" in chosen:
            scores += self._text_scores(run, own)
        if chosen & {"parity", "english_drop"}:
            scores += self._compare_with_english(run, values)
        if data.has_references and chosen & {"fid", "kid", "r_precision"}:
            scores += self._compare_with_references(run, own)
        return scores

    def works(self, subject: EvaluationSubject, task: DataTask) -> list[Work]:
        """Return the images that `evaluate` needs. Raises `InvalidRequest`."""
        return list(self._plan(subject, task).works.values())

    def check_options(self, choice: DataOptions) -> None:
        """Raise `InvalidRequest` without a judge, for options of `efficiency` and for a wrong folder, and `UnknownMetric`."""
        choice.refuse(self.name, "it measures no costs", *COSTS)
        if not choice.judge:
            raise InvalidRequest(
                f"`{self.name}` needs a judge: pass a dual encoder that reads English, such as --judge clip-vit-large-patch14, or a "
                "folder."
            )
        check_metrics(choice.metrics)
        if choice.keep is not None:
            try:
                choice.keep.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                reason = error.strerror or str(error)
                raise InvalidRequest(
                    f"images cannot be kept in `{choice.keep}` ({reason}): pass another folder to --keep."
                ) from error

    def _get_judge(self, task: DataTask) -> ClipJudge:
        if self._judge is None:
            self._judge = ClipJudge.open(task.choice.judge, task.hub, task.choice.device)
        return self._judge

    def _plan(self, subject: EvaluationSubject, task: DataTask) -> _Run:
        """Decide what is computed, before anything is generated. Raises `InvalidRequest`."""
        if subject.pipeline is None:
            raise InvalidRequest(f"`{subject.name}` generates no images: evaluate it on a benchmark of retrieval.")
        judge, data = self._get_judge(task), task.data
        prompts = data.sample(task.language, task.count, task.seed)
        situation = Situation(
            benchmark=self.name, prompts=prompts, has_references=data.has_references, width=judge.encoder.width,
            is_about_culture=self.is_about_culture, is_module=subject.is_module,
        )  # fmt: skip
        chosen = choose_metrics(task.choice.metrics, situation, force=task.choice.force, quiet=task.quiet)
        read_text = text_reader(task.language) if "text_accuracy" in chosen else None
        run = _Run(subject, task, judge, prompts, chosen, situation.fewest, {})
        run.works[OWN] = self._work(run, prompts, task.language, by_base=not subject.is_module, read_text=read_text)
        english = [replace(prompt, text=prompt.meaning, language=ENGLISH) for prompt in prompts]
        if chosen & {"parity", "english_drop"}:
            run.works[ENGLISH_BY_BASE] = self._work(run, english, ENGLISH_BY_BASE, by_base=True)
        if "english_drop" in chosen:
            run.works[ENGLISH_BY_MODULE] = self._work(run, english, ENGLISH_BY_MODULE, by_base=False)
        return run

    def _work(
        self,
        run: _Run,
        prompts: Sequence[BenchmarkPrompt],
        folder: str,
        *,
        by_base: bool,
        read_text: ReadText | None = None,
    ) -> Work:
        """Return the images of prompts, which are kept in a folder of that name; those that another language needs, too, are shared."""
        subject, task, judge = run.subject, run.task, run.judge
        settings, keep = task.choice.settings(), task.choice.keep
        place = keep / self.name / task.split / folder if keep else None
        reader = task.language if read_text else ""

        def pipeline_of(loaded: EvaluationSubject) -> Any:
            return loaded.plain if by_base else loaded.pipeline

        def compute(loaded: EvaluationSubject, places: Sequence[int]) -> list[Result]:
            return judge_prompts(
                pipeline_of(loaded), [prompts[each] for each in places], judge, seed=task.seed, settings=settings,
                read_text=read_text, keep=place,
            )  # fmt: skip

        here = () if subject.identity else (id(subject.pipeline), id(subject.plain))
        log = (task.logs or self._logs).open(
            subject.identity, judge.name, judge.digest, judge.resize, task.seed, dict(settings), versions(), *here
        )
        return Work(
            label=f"{subject.name}: {folder}",
            unit="image",
            keys=tuple(key_of(by_base, reader, prompt.concept, prompt.text)[:32] for prompt in prompts),
            log=log,
            compute=compute,
            batch_size=lambda loaded: batch_size_of(pipeline_of(loaded)),
            is_kept=lambda each: place is None or image_file(prompts[each], place).is_file(),
        )

    def _per_prompt(
        self, run: _Run, results: Sequence[Result], prompts: Sequence[BenchmarkPrompt], *, english: bool
    ) -> dict[str, Tensor]:
        """Return the value of each prompt, (N,), by metric."""
        features_ND = torch.stack([result.features_D for result in results])
        judged = [self._judged_text(prompt, english=english) for prompt in prompts]
        gallery = [self._judged_text(prompt, english=english) for prompt in run.task.data.prompts(run.task.language)]
        distinct = tuple(dict.fromkeys(gallery))
        place = {text: index for index, text in enumerate(distinct)}
        right_N = torch.tensor([place[text] for text in judged])
        texts_GD = self._text_features(run.judge, distinct)
        ranks_N = ranks(features_ND, texts_GD, right_N)
        cosines_N = (F.normalize(features_ND, dim=1) * texts_GD[right_N]).sum(dim=1)
        values = {f"r_precision_at_{k}": (ranks_N < k).double() for k in RANKS}
        values["clip_score"] = self.clip_scale * cosines_N.clamp(min=0).double()
        if self.is_about_culture:
            values["culture_score"] = self._cultures(run, features_ND, prompts)
        return values

    def _judged_text(self, prompt: BenchmarkPrompt, *, english: bool) -> str:
        return prompt.meaning if english or self.judges_meaning else prompt.text

    def _text_features(self, judge: ClipJudge, texts: tuple[str, ...]) -> Tensor:
        if texts not in self._texts:
            self._texts[texts] = judge.texts(texts)
        return self._texts[texts]

    def _cultures(self, run: _Run, features_ND: Tensor, prompts: Sequence[BenchmarkPrompt]) -> Tensor:
        """Return 1 for each image that is nearest to the culture of its language, and 0 for the others, (N,)."""
        languages: tuple[str, ...] = run.task.data.languages
        texts = [f"{prompt.meaning}, {language_name(tag)}-speaking culture" for prompt in prompts for tag in languages]
        texts_NLD = run.judge.texts(texts).reshape(len(prompts), len(languages), -1)
        scores_NL = (texts_NLD * F.normalize(features_ND, dim=1)[:, None]).sum(dim=2)
        return (scores_NL.argmax(dim=1) == languages.index(run.task.language)).double()

    def _means(self, run: _Run, values: dict[str, Tensor], chosen: set[str]) -> list[Score]:
        return [
            self._score(run, metric, bootstrap_mean(values_N, seed=run.task.seed))
            for metric, values_N in values.items()
            if metric.partition("_at_")[0] in chosen
        ]

    def _text_scores(self, run: _Run, results: Sequence[Result]) -> list[Score]:
        pairs = [(result.text, prompt.written) for result, prompt in zip(results, run.prompts, strict=True)]
        exact_N = torch.tensor([float(plain_text(found) == plain_text(wanted)) for found, wanted in pairs])
        similar_N = torch.tensor([similarity(found, wanted) for found, wanted in pairs])
        return [
            self._score(run, metric, bootstrap_mean(values_N, seed=run.task.seed), labelled=False)
            for metric, values_N in (("text_accuracy", exact_N), ("text_similarity", similar_N))
        ]

    def _compare_with_english(self, run: _Run, own: dict[str, Tensor]) -> list[Score]:
        """Return parity with the base's English scores, those scores, and how much English a module loses."""
        base = self._per_prompt(run, run.results(ENGLISH_BY_BASE), run.prompts, english=True)
        seed, scores = run.task.seed, []
        if "parity" in run.chosen:
            for metric in COMPARED:
                if base[metric].sum() > 0:  # A base that generates no images has no English score to compare with.
                    parity = bootstrap_ratio(own[metric], base[metric], seed=seed)
                    scores.append(self._score(run, f"parity_{metric}", parity))
            for metric, values_N in base.items():
                if metric in COMPARED or metric == "culture_score":
                    scores.append(self._score(run, ENGLISH_BASE + metric, bootstrap_mean(values_N, seed=seed)))
        if "english_drop" in run.chosen:
            through = self._per_prompt(run, run.results(ENGLISH_BY_MODULE), run.prompts, english=True)
            for metric in COMPARED:
                drop = bootstrap_mean(base[metric] - through[metric], seed=seed)
                scores.append(self._score(run, f"english_drop_{metric}", drop, better="down"))
        return scores

    def _compare_with_references(self, run: _Run, results: Sequence[Result]) -> list[Score]:
        """Return the judge's ceiling, and the distances of the images to the reference images of the same prompts, with floors."""
        real_ND = run.task.data.reference_features(run.prompts, run.judge)
        generated_ND = torch.stack([result.features_D for result in results])
        seed, scores, chosen = run.task.seed, [], run.chosen
        if "r_precision" in chosen:
            real = self._per_prompt(run, [Result(row_D) for row_D in real_ND], run.prompts, english=False)
            for k in RANKS:
                interval = bootstrap_mean(real[f"r_precision_at_{k}"], seed=seed)
                scores.append(self._score(run, f"judge_ceiling_r_precision_at_{k}", interval))
        halves = generator_of(seed, "halves")
        if "fid" in chosen:
            short = f"; n<{run.fewest}" if len(real_ND) < run.fewest else ""
            for metric, value in (
                ("fid", frechet_distance(generated_ND, real_ND)), ("fid_floor", floor_of(real_ND, halves)),
            ):  # fmt: skip
                scores.append(self._score(run, metric, value, short=short, better="down", sample_size=len(real_ND)))
        if "kid" in chosen:
            order = torch.randperm(len(real_ND), generator=halves)
            half = len(order) // 2
            floor = kernel_distance(real_ND[order[:half]], real_ND[order[half : 2 * half]], seed=seed)
            scores.append(self._score(run, "kid", kernel_distance(generated_ND, real_ND, seed=seed), better="down"))
            scores.append(self._score(run, "kid_floor", floor, better="down"))
        return scores

    def _score(
        self, run: _Run, metric: str, value: Any, *, labelled: bool = True, short: str = "", **other: Any
    ) -> Score:
        """Create a score whose metric and run record name the judge."""
        label = f"[{run.judge.label}{short}]" if labelled else ""
        settings = ", ".join(f"{name} {value:g}" for name, value in run.task.choice.settings().items())
        details = f"judge {run.judge.name} {run.judge.digest}, images resized by {run.judge.resize}; sampler "
        details += settings or "defaults of the pipeline"
        return make_score(metric + label, value, self.name, run.subject, run.task, details=details, **other)
