"""The task of a published benchmark: its data, one language and split, and the options that such benchmarks take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hub.errors import InvalidRequest
from hub.local import LocalHub

if TYPE_CHECKING:
    from trainers.evaluation.results.result_log import ResultLogs


class BenchmarkData(Protocol):
    """The data of a benchmark's split, in all languages that the folder has."""

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags."""
        ...

    def digest(self, language: str) -> str:
        """Return the SHA-256 of everything that is read for a language."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Options of `hub evaluate` for published benchmarks."""

    place: str = ""
    """Folder or dataset `owner/name` with the data, as given."""
    judge: str = ""
    """Dual encoder that judges images: a name or a folder."""
    metrics: tuple[str, ...] = ()
    """Metrics to compute; empty for all that the data and the sample size allow."""
    steps: int | None = None
    """Denoising steps; None for the pipeline's default."""
    guidance: float | None = None
    """Guidance scale; None for the pipeline's default."""
    force: bool = False
    """Whether to compute a Fréchet distance of too few images, and label it."""
    keep: Path | None = None
    """Folder in which generated images are kept."""
    corpus: tuple[tuple[object, ...], ...] = ()
    """Command-line options of the corpus, for a benchmark that reads one instead of `place`."""
    device: str | None = None
    price_per_hour: float | None = None
    """Price of one device in dollars per hour, of `efficiency`."""
    translator: str = ""
    """Module that translates prompts to English, whose latency `efficiency` compares with the subject's."""
    base: str = ""
    """The base as given; empty for the subject's first."""

    def command_options(self) -> list[tuple[object, ...]]:
        """Return the command-line options that repeat a run; those that have their default value are left out."""
        single = [("--data", self.place or None), ("--judge", self.judge or None)]
        settings = [("--steps", self.steps), ("--guidance", self.guidance)]
        return [
            *self.corpus,
            *((name, value) for name, value in single if value is not None),
            *(("--metric", metric) for metric in self.metrics),
            *((name, value) for name, value in settings if value is not None),
            *([("--force",)] if self.force else []),
            *([("--price-per-hour", f"{self.price_per_hour:g}")] if self.price_per_hour is not None else []),
            *([("--translator", self.translator)] if self.translator else []),
        ]

    def settings(self) -> Mapping[str, Any]:
        """Return the arguments of a pipeline's call; empty for its defaults."""
        given = {"num_inference_steps": self.steps, "guidance_scale": self.guidance}
        return {name: value for name, value in given.items() if value is not None}

    def refuse(self, benchmark: str, reason: str, *options: str) -> None:
        """Raise `InvalidRequest` if one of the options is given to a benchmark that does not take it."""
        given = {
            "--data": self.place, "--judge": self.judge, "--metric": self.metrics, "--steps": self.steps is not None,
            "--guidance": self.guidance is not None, "--force": self.force, "--keep": self.keep,
            "--price-per-hour": self.price_per_hour is not None, "--translator": self.translator,
        }  # fmt: skip
        if wrong := [name for name in options if given[name]]:
            raise InvalidRequest(f"`{benchmark}` takes no {wrong[0]}: {reason}.")

    def check_unused(self, benchmark: str) -> None:
        """Raise `InvalidRequest` if an option is given to a benchmark on a corpus whose judge and sampler settings are fixed."""
        self.refuse(
            benchmark, "its corpus, judge and sampler settings are fixed. Choose corpus-prompts, or a published benchmark",
            "--data", "--judge", "--metric", "--steps", "--guidance", "--force", "--keep", *COSTS,
        )  # fmt: skip


COSTS = ("--price-per-hour", "--translator")
"""Options of `efficiency` alone."""
NO_DATA = DataOptions()
"""The options of a run without published benchmarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTask:
    """One language and split of a published benchmark."""

    data: Any
    """The return value of the benchmark's `open`."""
    split: str
    language: str
    hub: LocalHub
    choice: DataOptions
    digest: str
    """The digest of what is read in this language."""
    count: int = 0
    """Maximum number of prompts or queries; 0 means all."""
    seed: int = 0
    quiet: bool = False
    logs: ResultLogs | None = None
    """Log in which results are stored as they are computed; None keeps them in memory."""

    def options(self) -> list[tuple[object, ...]]:
        """Return the command-line options that repeat the run."""
        return self.choice.command_options()
