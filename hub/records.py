"""What the registry knows, as frozen values: no I/O, no SQL, no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.names import ArtifactName, Digest

KINDS = ("adapter", "projector", "encoder", "delta", "base", "dataset")
"""Built-in kinds; packages add theirs through the entry-point group `hub.kinds`."""
JOINT = " + "
"""Stands between the names of encoders whose states a module reads side by side, where one text names them all."""
PLAIN = "model"
"""Kind of a repository on a server that has no card of ours, and is no data set."""


class Provenance(StrEnum):
    """Where a score comes from."""

    REPORTED = "reported"
    """Somebody says so; `source` tells who and where."""
    MEASURED = "measured"
    """A run of ours; `source` tells which, and it can be run again."""
    DISPUTED = "disputed"
    """Reported, and `reason` says why to doubt it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number and all that is needed to judge it."""

    metric: str
    """`r_precision_at_1`, `fid`, `recall_at_10` …"""
    value: float
    benchmark: str
    """`emoji-generation`, `xtd10` …"""
    provenance: Provenance
    source: str
    """Reported: who says so and where. Measured: command, revision and machine."""
    split: str = ""
    language: str = ""
    """BCP-47 tag; empty when the score belongs to no language."""
    base: str = ""
    """Name of the base it was measured on; empty for scores without one."""
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
    """Of a disputed score."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a revision."""

    path: str
    """Relative, with `/`."""
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """What a denoiser reads. A module's output must equal it."""

    width: int
    """Channels of a token state."""
    length: int | None = None
    """Tokens; None means any."""
    pooled_width: int | None = None
    """Channels of the pooled vector; None means there is none."""
    mask: bool = False
    """Whether the denoiser takes an attention mask over tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A base or encoder that a variant was made for."""

    name: str
    """`owner/name` in the registry, or an upstream repository id."""
    digest: str = ""
    """Its `weights_digest`; empty when it is not known here."""


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
    """Of the module's output."""
    encoder: Pin | None = None
    beside: tuple[Pin, ...] = ()
    """Further encoders: their states are joined to those of the first one, channel behind channel, in this order."""

    @property
    def encoders(self) -> tuple[Pin, ...]:
        """All that it reads; none when it reads the base's own, or brings one along."""
        return () if self.encoder is None else (self.encoder, *self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One file of a published system, elsewhere."""

    repository: str
    file: str
    size_bytes: int | None = None
    revision: str = "main"
    digest: str = ""
    """SHA-256 when it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key, or a certificate that others lead back to, by which signatures are verified."""

    account: str
    """Who has registered it."""
    name: str
    kind: str
    """`key` or `certificate`."""
    fingerprint: str
    """SHA-256: of the key as PEM, as signatures name it; of the certificate as DER."""
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorOrigin:
    """Where a copied repository comes from."""

    upstream: str
    """Address of the hub."""
    commit_id: str
    """The upstream's id of the commit that was fetched last."""
    fetched_at: datetime
    restricted: bool
    """Private or gated there: its files are for people with an account here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What was found out about a revision's signature when it was made."""

    verified: bool
    method: str
    """`key`, `certificate`, `sigstore`; empty when it could not be told."""
    signer: str
    """Name of the key, subject of the certificate, or identity."""
    account: str
    """Who has registered the key that it was verified with."""
    fingerprint: str
    reason: str
    """Why it was not verified; empty when it was."""

    @property
    def words(self) -> str:
        """For people."""
        if self.verified:
            return f"signed by {self.account}, {self.method} {self.signer}"
        return f"{f'says it is signed by {self.signer}; ' if self.signer else ''}not verified: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One immutable content of an artifact."""

    id: str
    """SHA-256 of its manifest; the first 40 digits serve as commit id."""
    artifact: ArtifactName
    number: int
    """1, 2, 3 … within the artifact."""
    created_at: datetime | None
    """None for a curated card: clones of the same cards know no common time, and have the same revisions."""
    message: str
    files: tuple[File, ...]
    parent: str = ""
    yanked: bool = False
    author: str = ""
    """The account that made it on a server; it is not part of the manifest."""
    signature: Signature | None = None
    """None for an unsigned one; no part of the manifest either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named thing one can load or push, as its newest revision that is not yanked describes it."""

    name: ArtifactName
    kind: str
    summary: str
    license: str
    """SPDX identifier, or Hugging Face's id for a model licence."""
    languages: tuple[str, ...]
    """BCP-47 tags; `mul` alone when it was made for no one language."""
    method: str = ""
    variants: tuple[Variant, ...] = ()
    bases: tuple[str, ...] = ()
    """Names of the bases it has variants for."""
    encoder: str = ""
    conditioning: Conditioning | None = None
    """Of a base: what its denoiser reads."""
    scores: tuple[Score, ...] = ()
    tags: tuple[str, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    revision: str = ""
    """Id of what `main` gives, the newest revision that is not yanked; empty when all of them are."""
    weights_digest: str = ""
    size_bytes: int = 0
    downloads: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    private: bool = False
    """Only its owner's people know that it exists."""
    gated: str = ""
    """`auto` or `manual`: files are given to those who asked, at once or when they are let in."""
    any_file: bool = False
    """An administrator has allowed files that may run code."""
    likes: int = 0
    trending: float = 0.0
    """Downloads and likes, the later the more; see `hub.registry.index.trending`."""
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    """SHA-256 of a weights file of the head → how many numbers of each type it holds."""

    @property
    def total_parameters(self) -> int | None:
        """All numbers in its weights; None without any."""
        return sum(sum(each.values()) for each in self.weights.values()) if self.weights else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What somebody looks for. Empty fields do not restrict."""

    text: str = ""
    language: str = ""
    """A BCP-47 tag, already parsed by `hub.languages`."""
    kind: str = ""
    base: str = ""
    method: str = ""
    license: str = ""
    owner: str = ""
    readers: tuple[str, ...] | None = None
    """Owners, in lower case, whose private artifacts are found, too; None finds everybody's."""
    parts: tuple[str, ...] = ()
    """Of `owner/name`, in whatever case, all of which it must have."""
    labels: tuple[str, ...] = ()
    """Tags as the Hugging Face Hub spells them, all of which it must bear."""
    type: str = ""
    """`model` or `dataset`: what Hugging Face clients keep apart."""
    gated: bool | None = None
    parameters: tuple[int, int] | None = None
    """Least and most, both included."""
    metric: str = ""
    """Only artifacts with a score of this metric: in `language`, if one is asked for, on `benchmark` and `split`."""
    benchmark: str = ""
    split: str = ""
    provenance: str = Provenance.MEASURED
    """Of the scores of `metric`: one kind at a time, for they cannot be compared."""
    least: float | None = None
    """Smallest value of `metric`, in its own unit."""
    most: float | None = None
    sort: str = "score"
    """`score` (best measured first), `metric` (best value first), `updated`, `downloads`, `name`, `created`, `likes` or `trend`."""
    scores: str = "all"
    """`all` of an artifact's scores, or the `best` alone: the one that a line of a table shows."""
    limit: int = 20
    offset: int = 0
    after: str = ""
    """`owner/name`, in lower case, of the last artifact of the page before: where it stands now, this page begins."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the answers, how many there are, and how they spread over facets."""

    items: tuple[Artifact, ...]
    total: int
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    """`{"kind": {"adapter": 12, …}, "language": …, "base": …, "method": …, "license": …}`."""
    is_exact: bool = True
    """Whether total and facets count all answers. Otherwise there are at least so many: more than anybody counts for one search."""
    offset: int = 0
    """Where the page begins among all answers."""


def joined(names: Iterable[str]) -> str:
    """Several names as one text: `a + b`. No name has a space in it."""
    return JOINT.join(names)


def parted(text: str) -> tuple[str, ...]:
    """The names in a text that `joined` made, or that somebody typed without spaces; none in an empty one."""
    return tuple(part.strip() for part in text.split(JOINT.strip())) if text.strip() else ()


def weights_digest(files: Iterable[File]) -> str:
    """SHA-256 over `<digest> <path>` lines of all weights and tokenizers, sorted by path.

    Cards, pictures and configuration may change without making modules unfit; weights and vocabularies may not.
    """
    kept = sorted(
        (file.path, file.digest.hex)
        for file in files
        if file.path.endswith(
            (".safetensors", "tokenizer.json", "vocab.json", "merges.txt", "spiece.model", ".bpe.model")
        )
    )
    return hashlib.sha256("".join(f"{digest} {path}\n" for path, digest in kept).encode()).hexdigest() if kept else ""
