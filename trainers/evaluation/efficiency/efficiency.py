"""`efficiency`: what a subject costs in parameters, bytes, training, memory and time.

All scores are better when lower. What depends on a machine names it in the metric, with the type of the weights and the steps of the
sampler, so that values of different machines are different metrics and are never ranked together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hub.errors import InvalidRequest
from hub.loader import load_pipeline
from hub.loader.modules.translator import ARCHITECTURE as TRANSLATOR
from hub.records import Score
from trainers.evaluation.confidence import Interval, bootstrap_median
from trainers.evaluation.data_folder import rows_digest
from trainers.evaluation.data_task import DataOptions
from trainers.evaluation.efficiency.latency import Gallery, draw_prompt, embed_prompt, machine_label, time_in_turn
from trainers.evaluation.efficiency.peak_memory import Use, home_fields, measure_peak
from trainers.evaluation.efficiency.training_costs import MEGABYTE, Cost, costs_per_point, static_costs, variant_of
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score, versions
from trainers.loop.distributed import process_place

STEPS = 20
"""Denoising steps without `--steps`."""
LEAST = 3
"""Prompts: one to warm up, one to embed and one for an image."""
MOST_IMAGES = 1024
"""Images and texts that a retriever searches."""
LENGTH = 32
"""Tokens that an encoder alone reads."""


class Efficiency:
    """Measures costs and latencies of bases, modules, encoders and retrievers, on prompts of a corpus."""

    name = "efficiency"
    needs = "encoder"
    default_count = 32
    """Prompts per language without `--n`."""

    def __init__(self) -> None:
        self._has_told_static = False

    def check_options(self, choice: DataOptions) -> None:
        """Raise `InvalidRequest` for options of benchmarks that judge images."""
        choice.refuse(self.name, "it judges no images", "--data", "--judge", "--metric", "--force", "--keep")
        if process_place()[1] > 1:
            raise InvalidRequest("`efficiency` times one process: run it without `accelerate launch` or `torchrun`.")

    def evaluate(self, subject: EvaluationSubject, task: EvaluationTask) -> list[Score]:
        """Return latencies, peak memory, costs per point, and once for all languages, what does not depend on prompts.

        Raises `InvalidRequest` for fewer than three different prompts, or a module that does not translate.
        """
        texts = list(dict.fromkeys(prompt.text for prompt in task.prompts()))
        if len(texts) < LEAST:
            raise InvalidRequest(
                f"`{self.name}` needs at least {LEAST} different prompts in `{task.language}`, but has {len(texts)}: raise --n, or "
                "choose another --split."
            )
        meter = _Meter(subject, task)
        scores = [*meter.latencies(texts)]
        price = task.choice.price_per_hour
        costs = [*costs_per_point(subject, task.hub, task.language, task.split, price)]
        if not self._has_told_static:
            self._has_told_static = True
            scores += meter.memory(texts[0])
            costs += static_costs(subject, task.hub, price)
        return [*scores, *map(meter.score_of, costs)]


class _Meter:
    """Measures one subject on one task."""

    def __init__(self, subject: EvaluationSubject, task: EvaluationTask) -> None:
        self.subject, self.task = subject, task
        model = subject.retriever.dual if subject.retriever else subject.encoder or subject.pipeline
        self.device: torch.device = torch.device(model.device)
        dtype = torch.float32 if subject.pipeline is None else subject.pipeline.dtype
        self.machine = machine_label(self.device, dtype)
        self.settings = {"num_inference_steps": STEPS} | dict(task.choice.settings())
        steps = self.settings["num_inference_steps"]
        self.sampler = f"{steps} step{'s' * (steps != 1)}"
        if "guidance_scale" in self.settings:
            self.sampler += f", guidance {self.settings['guidance_scale']:g}"

    def latencies(self, texts: Sequence[str]) -> Iterator[Score]:
        """Yield the latencies that the subject can have. A prompt is used once, because modules remember embeddings."""
        subject = self.subject
        if subject.pipeline is not None:
            yield from self._generation(texts)
        elif self.task.choice.translator:
            raise InvalidRequest(
                f"`--translator` is for subjects that generate images, and `{subject.name}` does not: leave it out."
            )
        elif subject.retriever is not None:
            yield from self._retrieval(texts)
        else:
            encoder: Any = subject.encoder
            yield from self._timed(
                "text_to_embedding", [lambda place: encoder.encode([texts[place]], LENGTH)], len(texts) - 1
            )

    def _generation(self, texts: Sequence[str]) -> Iterator[Score]:
        pipelines = [self.subject.pipeline]
        if self.task.choice.translator:
            pipelines.append(self._translator())
        to_draw, to_embed = texts[1::2], texts[2::2]
        draw = [
            lambda place, pipe=pipe: draw_prompt(pipe, to_draw[place] if place >= 0 else texts[0], self.settings)
            for pipe in pipelines
        ]  # fmt: skip
        embed = [
            lambda place, pipe=pipe: embed_prompt(pipe, to_embed[place] if place >= 0 else texts[0])
            for pipe in pipelines
        ]
        yield from self._timed("text_to_image", draw, len(to_draw), self.sampler)
        yield from self._timed("text_to_embedding", embed, len(to_embed))

    def _retrieval(self, texts: Sequence[str]) -> Iterator[Score]:
        retriever, corpus, split = self.subject.retriever, self.task.corpus, self.task.split
        assert retriever is not None
        yield from self._timed(
            "text_to_embedding", [lambda place: retriever.embed_texts([texts[place]])], len(texts) - 1
        )
        if not corpus.has_images:
            return
        concepts = [prompt.concept for prompt in corpus.gallery(split)][:MOST_IMAGES]
        gallery = Gallery(
            retriever, corpus.images(concepts), [prompt.text for prompt in corpus.gallery(split)][:MOST_IMAGES]
        )
        size = f"of {len(concepts):,}"
        yield from self._timed("text_to_image", [lambda place: gallery.find_images(texts[place])], len(texts) - 1, size)
        count = min(len(texts) - 1, len(concepts))
        yield from self._timed("image_to_text", [gallery.find_texts], count, size)

    def _translator(self) -> Any:
        """Load the translator on the subject's base. Raises `InvalidRequest` for a module that does not translate."""
        name, base = self.task.choice.translator, self.subject.base
        artifact = self.task.hub.registry.get(name)
        variant = variant_of(artifact, base)
        if variant is None or variant.architecture != TRANSLATOR:
            found = f"it is a {variant.architecture}" if variant else f"it has no variant for `{base}`"
            raise InvalidRequest(
                f"`{name}` does not translate prompts on `{base}` ({found}): train one with `hub train translate --base {base} "
                f"--lang {self.task.language} --push`."
            )
        return load_pipeline(
            base, adapter=f"{artifact.name}@{artifact.revision}", device=self.device, dtype=self.subject.pipeline.dtype,
            hub=self.task.hub,
        )  # fmt: skip

    def _timed(
        self, name: str, ways: Sequence[Callable[[int], object]], count: int, protocol: str = ""
    ) -> Iterator[Score]:
        """Yield the latency of the first way, and if there is a second, that of translating first and the ratio of both."""
        times_NW = time_in_turn(ways, count, self.device)
        yield self._latency(f"latency_{name}", times_NW[:, 0], protocol)
        if len(ways) > 1:
            translator = self.task.choice.translator
            where = "; ".join(filter(None, (protocol, translator)))
            yield self._latency(f"latency_translate_first_{name}", times_NW[:, 1], where)
            yield self._latency(f"latency_ratio_{name}", times_NW[:, 0] / times_NW[:, 1], where, unit="1")

    def _latency(self, metric: str, values_N: Tensor, protocol: str, unit: str = "ms") -> Score:
        ends = values_N.quantile(torch.tensor([0.05, 0.95], dtype=torch.float64)).tolist()
        details = f"median of {len(values_N)} prompts one at a time after one to warm up, 5–95 %: {ends[0]:.4g}–{ends[1]:.4g} {unit}"
        return self._score(metric, bootstrap_median(values_N, seed=self.task.seed), protocol, details, unit=unit)

    def memory(self, text: str) -> list[Score]:
        """Return the peak memory of a process that loads the subject alone and uses it once; empty if it is not published."""
        artifact = self.subject.artifact
        if artifact is None:
            return []
        settings = dict(self.settings) if self.subject.pipeline is not None else {}
        use = Use(
            home=home_fields(self.task.hub.home), artifact=str(artifact.name), revision=artifact.revision, base=self.task.choice.base,
            device=str(self.device), text=text, settings=settings,
        )  # fmt: skip
        peak = measure_peak(use)
        on_gpu = self.device.type == "cuda"
        details = "allocated by torch on the device" if on_gpu else "resident memory of the process, libraries included"
        details += f", from loading to {'one image' if settings else 'one embedding'}; host {peak.host:,} bytes"
        value = (peak.device if on_gpu else peak.host) / MEGABYTE
        return [
            self._score(
                "peak_memory", value, self.sampler if settings else "", details, unit="MB", language="", split=""
            )
        ]

    def _score(self, metric: str, value: float | Interval, protocol: str, details: str, **other: Any) -> Score:
        label = "; ".join(filter(None, (self.machine, protocol)))
        digest = rows_digest([[self.task.digest, label, versions()]])
        return make_score(
            f"{metric}[{label}]", value, Efficiency.name, self.subject, self.task, details=details, better="down",
            benchmark_digest=digest, **other,
        )  # fmt: skip

    def score_of(self, cost: Cost) -> Score:
        """Return the score of a cost that does not depend on this machine."""
        score = make_score(
            cost.metric, cost.value, Efficiency.name, self.subject, self.task, details=cost.details, better="down", unit=cost.unit
        )  # fmt: skip
        return replace(score, language=cost.language, split=cost.split, seed=None)
