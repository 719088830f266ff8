"""Read the tables of this package: what the study advises, what each method fits and needs, and what images and training cost."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ACCELERATOR, FLOPS = "H100 SXM", 989e12 * 0.2
"""The accelerator that costs are stated for, and its operations per second: a fifth of its peak, as `hub train --dry-run` assumes."""
PRICE_PER_HOUR = 2.0
"""Default dollars per hour of an accelerator. This is an assumption, which is shown wherever it is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One piece of advice of the study, and what was found about it."""

    need: str
    says: str
    methods: tuple[str, ...]
    verdict: str
    """`holds`, `contradicted` or `untraceable`."""
    found: str
    published: tuple[str, ...] = ()
    """Bases that were published by the method and read languages themselves."""
    below_dollars: float | None = None
    languages: tuple[int, int | None] | None = None
    """Smallest and largest number of languages it is about."""

    def applies(self, *, needs: tuple[str, ...], budget: float | None, languages: int) -> bool:
        """Return whether it is about a question: `budget` in dollars, or None without a limit; `languages`, their number."""
        if self.need in needs:
            return True
        if self.below_dollars is not None:
            return budget is not None and budget < self.below_dollars
        return self.languages is not None and self.languages[0] <= languages <= (self.languages[1] or languages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A training method, as far as advice needs it."""

    name: str
    fits: tuple[str, ...]
    """Families of bases, as docs/train/families.md names them."""
    needs: str
    """`images` or `texts`."""
    data: str
    """The data that it learns from, in words."""
    encoder: str
    """A multilingual encoder that it can read on full-size bases; empty if it needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one image or one training run."""

    teraflop: float | None
    """Operations, in 10¹²; None if only the time was measured."""
    seconds: float | None
    """Device-seconds, measured; None if the operations were counted."""
    steps: int
    """Denoising steps of an image, or updates of a run."""
    source: str
    """The command that counted or measured it."""

    @property
    def device_seconds(self) -> float:
        """Measured seconds, or those that ACCELERATOR takes for the operations."""
        return self.seconds if self.seconds is not None else (self.teraflop or 0.0) * 1e12 / FLOPS

    @property
    def device(self) -> str:
        """The device whose seconds are counted."""
        return "CPU core" if self.seconds is not None else ACCELERATOR


@cache
def criteria() -> tuple[Criterion, ...]:
    """Return the study's criteria, in its order."""
    return tuple(_criterion(each) for each in _yaml("study.yaml")["criteria"])


def _criterion(entry: dict[str, Any]) -> Criterion:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Criterion(**fields)


@cache
def methods() -> tuple[Method, ...]:
    """Return the methods whose modules generate images."""
    everything = tuple(families())
    return tuple(
        Method(name=name, **{**each, "fits": everything if each["fits"] == "all" else tuple(each["fits"])})
        for name, each in _yaml("methods.yaml")["methods"].items()
    )


@cache
def families() -> dict[str, tuple[str, ...]]:
    """Return the families that `hub train` trains for → the curated bases of each."""
    return {name: tuple(bases) for name, bases in _yaml("methods.yaml")["families"].items()}


@cache
def lab_bases() -> frozenset[str]:
    """Return the bases of the lab."""
    return frozenset(_yaml("methods.yaml")["lab"])


def family_of(base: str) -> str:
    """Return the family of a curated base, by its short name; empty if none trains for it, or it is unknown."""
    return next((name for name, bases in families().items() if base in bases), "")


@cache
def costs() -> dict[tuple[str, str], Cost]:
    """Return the cost of `image` on a base, and of a method's training on it, by what and the base's short name."""
    text = files("hub.advice").joinpath("costs.csv").read_text(encoding="utf-8")
    return {
        (row["what"], row["base"]): Cost(
            teraflop=float(row["teraflop"]) if row["teraflop"] else None,
            seconds=float(row["seconds"]) if row["seconds"] else None,
            steps=int(row["steps"]),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    }


@cache
def _yaml(name: str) -> Any:
    import yaml

    return yaml.safe_load(files("hub.advice").joinpath(name).read_text(encoding="utf-8"))
