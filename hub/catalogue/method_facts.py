"""Facts about training methods: how they train, their costs, and the scores of their modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hub.advice.tables import PRICE_PER_HOUR, Method, costs, families, methods
from hub.advice.ways_to_train import LAB, Evidence, evidence_on, training_command, training_cost
from hub.catalogue.artifact_line import ArtifactLine, lines_of
from hub.errors import UnknownMethod
from hub.plugins import advertised
from hub.records import Query
from hub.registry import Registry
from hub.store import BlobStore

GROUP = "hub.methods"
MAX_ARTIFACTS = 20
"""Artifacts of a method that are listed; the others are one link away."""
EXAMPLE = ("emoji-sd", "sd15")
"""Bases of the example commands: the lab's, which has its data, and the full-size one that most people use."""
EXAMPLE_LANGUAGE = "yo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPart:
    """A part that a prompt passes."""

    part: str
    """`encoder`, `adapter`, `denoiser` …"""
    state: str
    """`frozen`, `trained`, or `copied`: a copy is trained, and the original stays as it is."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPhase:
    """One phase of the training."""

    name: str
    loss: str
    """In words."""
    formula: str
    learns: str
    optional: bool = False
    """Whether it runs only if a recipe file or `--set` names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCost:
    """The cost of training for one base."""

    base: str
    device_seconds: float
    device: str
    dollars: float | None
    steps: int
    source: str
    """Source of the count or measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFacts:
    """A method in a list."""

    name: str
    title: str
    says: str
    """Description."""
    trains: bool
    """Whether `hub train` has it here."""
    package: str
    """The package that adds it; empty if it comes with linguahub."""
    draws: bool | None
    """Whether its modules generate images; False if they retrieve, None if unknown."""
    needs: str
    """`images` or `texts`; empty if unknown."""
    data: str
    """The data that it learns from, in words."""
    fits: tuple[str, ...]
    """Families of bases that it trains for."""
    encoder: str
    """A multilingual encoder that it reads on full-size bases; empty if it needs none."""
    artifacts: int
    """Number of artifacts trained with it."""
    evidence: Evidence | None
    """Scores of its modules on the lab's base, in the same ranking for all methods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPage:
    """One method with everything that is known of it."""

    method: MethodFacts
    chain: tuple[ChainPart, ...]
    """In the order in which a prompt passes them."""
    compares: str
    """The quantities that the loss compares."""
    meets: tuple[str, ...]
    """Parts of the chain whose outputs the loss reads."""
    side: tuple[ChainPart, ...]
    """The other side of the loss: an input without a state, and the parts that it passes; empty if it is the data alone."""
    output: str
    """Output of the chain: `image`, or the output of a retriever or an encoder."""
    phases: tuple[TrainingPhase, ...]
    letters: str
    """Meaning of the letters in the formulas."""
    paper: str
    arxiv: str
    commands: tuple[str, ...]
    costs: tuple[MethodCost, ...]
    """The cheapest first. Those that were counted are for a million pairs."""
    languages: dict[str, int]
    bases: dict[str, int]
    kinds: dict[str, int]
    artifacts: tuple[ArtifactLine, ...]
    """Those trained with it, the best first."""
    total: int


def list_methods(registry: Registry, readers: tuple[str, ...] | None) -> tuple[MethodFacts, ...]:
    """Return the methods of `hub train`, then those that artifacts name and `hub train` does not have, such as published systems."""
    counts = _counts(registry, readers)
    evidence = evidence_on(registry, LAB)
    known = [*_written(), *(each for each in advertised(GROUP) if each not in _written())]
    others = sorted((each for each in counts if each and each not in known), key=lambda each: (-counts[each], each))
    return tuple(_facts(each, counts, evidence) for each in (*known, *others))


def method_page(registry: Registry, store: BlobStore, name: str, readers: tuple[str, ...] | None) -> MethodPage:
    """Return the method called `name`, ignoring case. Raises UnknownMethod with similar names."""
    counts = _counts(registry, readers)
    known = [*_written(), *advertised(GROUP), *counts]
    found = next((each for each in known if each and each.lower() == name.lower()), None)
    if found is None:
        raise UnknownMethod(name, [each for each in known if each])
    written = _written().get(found, {})
    page = registry.find(Query(method=found, limit=MAX_ARTIFACTS, readers=readers, scores="best"))
    facts = _facts(found, counts, evidence_on(registry, LAB))
    paper = written.get("paper", {})
    return MethodPage(
        method=facts,
        chain=tuple(ChainPart(**each) for each in written.get("chain", ())),
        compares=written.get("compares", ""),
        meets=tuple(written.get("meets", ())),
        side=_side(written.get("side", "")),
        output=written.get("output", "image") if written else "",
        phases=tuple(TrainingPhase(name=phase, **each) for phase, each in written.get("phases", {}).items()),
        letters=_table()["letters"] if written else "",
        paper=paper.get("by", ""),
        arxiv=paper.get("arxiv", ""),
        commands=_commands(facts),
        costs=_costs(registry, store, found),
        languages=page.facets.get("language", {}),
        bases=page.facets.get("base", {}),
        kinds=page.facets.get("kind", {}),
        artifacts=lines_of(page.items),
        total=page.total,
    )


def _costs(registry: Registry, store: BlobStore, name: str) -> tuple[MethodCost, ...]:
    """Return what training with a method costs, by base, the cheapest first: counted, and on the lab's base measured."""
    known = {base: cost for (what, base), cost in costs().items() if what == name}
    if LAB not in known and (measured := training_cost(registry, store, name, LAB)):
        known[LAB] = measured
    found = [
        MethodCost(
            base=base, device_seconds=cost.device_seconds, device=cost.device,
            dollars=cost.device_seconds / 3600 * PRICE_PER_HOUR if cost.seconds is None else None, steps=cost.steps, source=cost.source,
        )
        for base, cost in known.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: each.device_seconds))


def _facts(name: str, counts: dict[str, int], evidence: dict[str, Evidence]) -> MethodFacts:
    written = _written().get(name, {})
    drawing = _drawing().get(name)
    point = advertised(GROUP).get(name)
    distribution = getattr(point, "dist", None) if point and not written else None
    return MethodFacts(
        name=name,
        title=written.get("title", name),
        says=written.get("says", ""),
        trains=bool(written) or point is not None,
        package=distribution.name if distribution else "",
        draws=drawing is not None if written else None,
        needs=drawing.needs
        if drawing
        else ("texts" if "no images" in written.get("data", "no") else "images")
        if written
        else "",
        data=drawing.data if drawing else written.get("data", ""),
        fits=_fits(drawing, written),
        encoder=drawing.encoder if drawing else "",
        artifacts=counts.get(name, 0),
        evidence=evidence.get(name),
    )


def _side(name: str) -> tuple[ChainPart, ...]:
    if not name:
        return ()
    side = _table()["sides"][name]
    return (ChainPart(part=side["input"], state=""), *(ChainPart(**each) for each in side["parts"]))


def _fits(drawing: Method | None, written: dict[str, Any]) -> tuple[str, ...]:
    if drawing is None:
        return (written["fits"],) if written.get("fits") else ()
    return ("all families that `hub train` trains for",) if set(drawing.fits) == set(families()) else drawing.fits


def _commands(facts: MethodFacts) -> tuple[str, ...]:
    if not facts.trains:
        return ()
    if (drawing := _drawing().get(facts.name)) is None:
        base = "--base emoji-clip " if facts.name in _written() else "--base BASE "
        return (f"hub train {facts.name} {base}--lang {EXAMPLE_LANGUAGE}",)
    return tuple(training_command(drawing, base, (EXAMPLE_LANGUAGE,)) for base in EXAMPLE)


def _counts(registry: Registry, readers: tuple[str, ...] | None) -> dict[str, int]:
    return dict(registry.find(Query(limit=0, readers=readers)).facets.get("method", {}))


@cache
def _drawing() -> dict[str, Method]:
    return {each.name: each for each in methods()}


def _written() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = _table()["methods"]
    return found


def written_methods() -> Sequence[str]:
    """Return the names of the methods that come with linguahub, in the order of the list."""
    return tuple(_written())


@cache
def _table() -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load(files("hub.catalogue").joinpath("methods.yaml").read_text(encoding="utf-8"))
    return found
