"""Facts about bases: their parts and signatures, the modules that fit, parities, and training costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hub.advice.fits import has_same_conditioning
from hub.advice.measuring import measurement
from hub.advice.parity_report import EXAMPLE, map_as_json, name_in_scores
from hub.advice.tables import PRICE_PER_HOUR, Cost, costs, family_of
from hub.catalogue.artifact_line import ArtifactLine, lines_of
from hub.catalogue.card_facts import CardFacts, facts_of_cards
from hub.conditioning import Conditioning
from hub.errors import HubError
from hub.publish.composition import find_base
from hub.records import Artifact, Query, Upstream
from hub.registry import CURATED_OWNER, Registry
from hub.registry.artifacts.files import sample_images
from hub.registry.scores.parity_map import ParityQuery, parity_map
from hub.store import BlobStore
from hub.weights.sizes import BYTES

MAX_BASES = 1000
"""Bases of a list."""
MAX_MODULES = 10
"""Modules of a base that are listed; the others are one link away."""
MAX_SIMILAR = 12
"""Bases with the same signature that are listed."""
_BASE = "base"
_TEXT_ENCODER = "text_encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """A base in a list."""

    name: str
    owner: str
    summary: str
    license: str
    commercial_use: str
    """Whether it can be used commercially, in words."""
    revision: str
    weights_digest: str
    conditioning: Conditioning | None
    """The embeddings that its denoiser takes."""
    upstream: tuple[Upstream, ...]
    artifacts: int
    """Number of modules with weights for it."""
    family: str
    """The family that `hub train` trains for; empty if it trains for none that the base is of."""
    encoders: str
    """Its text encoders, as its card describes them; empty if it does not."""
    parameters: dict[str, int]
    """Part of the pipeline → number of parameters, as its card states it."""
    memory_bytes: int | None
    """Memory of all weights in fp16; None if unknown from both card and weights."""
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    """Other names, by which it is found."""
    image: str
    """Path of a sample image among its files; empty if there is none."""

    @property
    def artifact(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def short(self) -> str:
        """The name without the owner of curated artifacts, as commands take it."""
        return self.name if self.owner == CURATED_OWNER else self.artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCost:
    """The cost of one image or one training run on a base."""

    what: str
    """`image`, or the method of a run."""
    device_seconds: float
    device: str
    dollars: float | None
    """At PRICE_PER_HOUR; None for measurements on a CPU."""
    steps: int
    source: str
    """The command that counted or measured it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePage:
    """One base with everything that is known of it."""

    base: BaseFacts
    languages: dict[str, int]
    """Language → number of modules for the base."""
    methods: dict[str, int]
    kinds: dict[str, int]
    modules: tuple[ArtifactLine, ...]
    """The first of them, best first."""
    total: int
    similar: tuple[str, ...]
    """Other bases that take the same embeddings, so that their modules fit this one by shape."""
    parity: dict[str, Any]
    """Its parities by language, as `/api/v1/parity` returns them without a base; `measure` describes how to measure one."""
    costs: tuple[TrainingCost, ...]


def list_bases(
    registry: Registry, store: BlobStore, readers: tuple[str, ...] | None
) -> tuple[tuple[BaseFacts, ...], int]:
    """Return the bases that `readers` can see, by name, at most MAX_BASES, and the number of all."""
    page = registry.find(Query(kind=_BASE, sort="name", limit=MAX_BASES, readers=readers, scores="best"))
    return _facts_of(registry, store, page.items, readers), page.total


def base_page(registry: Registry, store: BlobStore, name: str, readers: tuple[str, ...] | None) -> BasePage:
    """Return the base that people call `name`. Raises UnknownBase, and InvalidRequest for an artifact of another kind."""
    base = find_base(registry, name, readers)
    found = registry.find(Query(base=base.name.name, limit=MAX_MODULES, readers=readers, scores="best"))
    others = registry.find(Query(kind=_BASE, sort="name", limit=MAX_BASES, readers=readers, scores="best")).items
    similar = [each for each in others if each.name != base.name and has_same_conditioning(each, base)]
    return BasePage(
        base=_facts_of(registry, store, (base,), readers)[0],
        languages=found.facets.get("language", {}),
        methods=found.facets.get("method", {}),
        kinds=found.facets.get("kind", {}),
        modules=lines_of(found.items),
        total=found.total,
        similar=tuple(_short(each) for each in similar[:MAX_SIMILAR]),
        parity=_parity(registry, base, readers),
        costs=training_costs(base.name.name) if base.name.owner == CURATED_OWNER else (),
    )


def training_costs(base: str) -> tuple[TrainingCost, ...]:
    """Return the known costs of an image and of training runs on a curated base, the cheapest first after the image."""
    known = [(what, cost) for (what, on), cost in costs().items() if on == base]
    known.sort(key=lambda each: (each[0] != "image", each[1].device_seconds))
    return tuple(_cost(what, cost) for what, cost in known)


def base_path(registry: Registry, facts: BaseFacts, readers: tuple[str, ...] | None) -> str:
    """Return the one address of a base: `/bases/sd15`, or with its owner if the short name means another base here."""
    try:
        is_meant = str(find_base(registry, facts.name, readers).name) == facts.artifact
    except HubError:
        is_meant = False
    return f"/bases/{facts.name if is_meant else facts.artifact}"


def _facts_of(
    registry: Registry, store: BlobStore, bases: tuple[Artifact, ...], readers: tuple[str, ...] | None
) -> tuple[BaseFacts, ...]:
    counts = registry.find(Query(limit=0, readers=readers)).facets["base"]
    cards = facts_of_cards(registry, store, bases)
    images = sample_images(registry.database, bases)
    return tuple(_one(each, cards.get(each.revision, CardFacts()), counts, images) for each in bases)


def _one(base: Artifact, card: CardFacts, counts: Mapping[str, int], images: Mapping[str, str]) -> BaseFacts:
    parameters = base.total_parameters or sum(card.parameters.values())
    is_curated = base.name.owner == CURATED_OWNER
    return BaseFacts(
        name=base.name.name, owner=base.name.owner, summary=base.summary, license=base.license,
        commercial_use=card.terms.describe_use(base.license), revision=base.revision, weights_digest=base.weights_digest,
        conditioning=base.conditioning, upstream=base.upstream,
        artifacts=counts.get(base.name.name, 0) + counts.get(str(base.name), 0),
        family=family_of(base.name.name) if is_curated else "",
        encoders=card.encoders or (f"the text encoder of `{base.encoder}`" if base.encoder else ""),
        parameters=card.parameters, memory_bytes=parameters * BYTES["fp16"] if parameters else None, tags=base.tags,
        aliases=tuple(dict.fromkeys((*(each.repository for each in base.upstream[:1]), *base.aliases))),
        image=images.get(base.revision, ""),
    )  # fmt: skip


def _parity(registry: Registry, base: Artifact, readers: tuple[str, ...] | None) -> dict[str, Any]:
    parities = parity_map(registry.database, ParityQuery(base=name_in_scores(base), readers=readers))
    measure = measurement(base, EXAMPLE)
    return {**map_as_json(base, parities), "measure": asdict(measure) if measure else None}


def _cost(what: str, cost: Cost) -> TrainingCost:
    is_counted = cost.seconds is None
    return TrainingCost(
        what=what, device_seconds=cost.device_seconds, device=cost.device,
        dollars=cost.device_seconds / 3600 * PRICE_PER_HOUR if is_counted else None, steps=cost.steps, source=cost.source,
    )  # fmt: skip


def _short(artifact: Artifact) -> str:
    return artifact.name.name if artifact.name.owner == CURATED_OWNER else str(artifact.name)
