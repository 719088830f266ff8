"""Find images by texts in any language, with a frozen dual encoder and projectors on it.

Shape letters: N texts or images, D the joint width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.bases.family import read_json
from hub.embeddings import Embeddings
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.modules.module_config import WEIGHTS, ModuleConfig, read_config
from hub.loader.sources import EncoderFolders, ModuleSource, Sources
from hub.publish.card_only import missing_weights
from hub.remote.configurations import fetch_encoder
from hub.systems.architectures import build, retrieves
from hub.weights.digest import digest_of
from hub.weights.strict import load_weights

if TYPE_CHECKING:
    from PIL.Image import Image

    from hub.local import LocalHub

CHUNK = 256
"""Batch size of texts."""


class Hit(NamedTuple):
    """One image that was found."""

    key: str | int
    """Its name in the index, or its position if the images have no names."""
    score: float
    """Cosine similarity."""


class FeatureProjector(Protocol):
    """A language module for retrieval: mCLIP's projectors, M-CLIP's linear map, or another package's."""

    def __call__(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Map texts to one unit vector each: (B, L, E), (B, L) → (B, 1, D)."""
        ...

    def features(self, features_BP: Tensor) -> Tensor:
        """Project a dual encoder's features to the joint space: (B, P) → (B, D)."""
        ...


@dataclass(frozen=True, slots=True)
class Projection:
    """Projectors with their multilingual encoder."""

    name: str
    module: FeatureProjector
    encoder: TextEncoder | JoinedEncoder
    config: ModuleConfig


@dataclass(slots=True)
class Retriever:
    """Embeds texts and images as unit vectors in one space, with an index of images.

    Without projectors texts are embedded by the dual encoder's own text tower, in the languages it was trained on.
    """

    dual: DualEncoder
    projection: Projection | None = None
    _index_ND: Tensor | None = None
    _keys_N: list[str | int] = field(default_factory=list)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors of texts, (N, D)."""
        if self.projection is None:
            return F.normalize(self.dual.text_features(texts), dim=1)
        encoder, module, rule = self.projection.encoder, self.projection.module, self.projection.config.positive
        rows = []
        for first in range(0, len(texts), CHUNK):
            states_BLE, mask_BL = encoder.encode(
                texts[first : first + CHUNK], rule.length, prefix=rule.prefix, suffix=rule.suffix, drop=rule.drop
            )
            rows.append(module(states_BLE, mask_BL).tokens_BLC[:, 0])
        return torch.cat(rows)

    @torch.no_grad()
    def embed_images(self, images: Tensor | Sequence[Image]) -> Tensor:
        """Return unit vectors, (N, D), of PIL images or uint8 images (N, 3, H, W)."""
        features_NP = self.dual.image_features(images)
        if self.projection is not None:
            features_NP = self.projection.module.features(features_NP)
        return F.normalize(features_NP, dim=1)

    def index(self, images: Tensor | Sequence[Image], keys: Sequence[str | int] | None = None) -> None:
        """Add PIL images or uint8 images (N, 3, H, W) to the index of `search`; `keys` name them, by default their positions."""
        vectors_ND = self.embed_images(images)
        if keys is not None and len(keys) != len(vectors_ND):
            raise ValueError(f"{len(keys)} keys for {len(vectors_ND)} images")
        first = len(self._keys_N)
        self._keys_N += list(keys) if keys is not None else list(range(first, first + len(vectors_ND)))
        self._index_ND = vectors_ND if self._index_ND is None else torch.cat([self._index_ND, vectors_ND])

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """Return the `k` images nearest to a text, best first. Raises InvalidRequest if the index is empty."""
        if self._index_ND is None:
            raise InvalidRequest("the index is empty: add images with `index` first.")
        found = (self._index_ND @ self.embed_texts([query])[0]).topk(min(k, len(self._keys_N)))
        return [
            Hit(self._keys_N[place], score)
            for score, place in zip(found.values.tolist(), found.indices.tolist(), strict=True)
        ]


def load_retriever(
    dual_encoder: str | Path,
    adapter: str | Path | None = None,
    *,
    device: torch.device | str | None = None,
    hub: LocalHub | None = None,
    encoder: EncoderFolders = None,
) -> Retriever:
    """Load the dual encoder `dual_encoder`, a name or folder, which reads texts through the projectors `adapter`.

    `name@revision` selects a revision of the projectors; `encoder` is a folder with the multilingual encoder.
    Everything is computed in float32, on `device` (by default a GPU if available).

    Raises UnknownArtifact with similar names, DoesNotFit before weights are read, InvalidRequest, WeightsDoNotFit and DamagedFile.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with Sources(hub) as sources:
        name, folder, digest = _dual_encoder(sources, dual_encoder)
        if adapter is None:
            return Retriever(DualEncoder.from_folder(folder, device=place, dtype=torch.float32, what=name))
        found = _variant(sources, adapter, name, folder if not digest else None)
        known, config = found.name, found.config
        _check_fit(known, config, name, lambda: digest or digest_of(folder))
        encoder_rules = sources.encoders(found, encoder)
    if not encoder_rules:
        raise DoesNotFit(
            f"`{known}` names no text encoder, which a retriever needs: find others with `hub search --kind projector`."
        )
    with torch.device("meta"):  # no memory, no random start
        module = build(config.variant.architecture, config.module)
    dual = DualEncoder.from_folder(folder, device=place, dtype=torch.float32, what=name)
    parts = tuple(
        TextEncoder.from_folder(folder, device=place, dtype=torch.float32, what=each).with_readout(
            way.readout, sees_padding=way.sees_padding, prefix=way.prefix
        )
        for (each, folder), way in zip(encoder_rules, config.encoder_rules, strict=True)
    )
    texts = parts[0] if len(parts) == 1 else JoinedEncoder(parts)
    _check_widths(known, config, dual.width, texts.width)
    load_weights(module, found.folder / WEIGHTS, what=known, device=place, dtype=torch.float32)
    projector = cast(FeatureProjector, module.eval().requires_grad_(False))
    return Retriever(dual, Projection(known, projector, texts, config))


def _dual_encoder(sources: Sources, name: str | Path) -> tuple[str, Path, str]:
    """Return name, folder and digest; the digest of a folder is empty, to be computed on demand."""
    if Path(name).is_dir():
        folder = Path(name).resolve()
        return folder.name, folder, ""
    artifact = sources.hub.registry.get(str(name))
    if artifact.kind != "encoder":
        raise InvalidRequest(
            f"`{name}` is of kind {artifact.kind}, not a dual encoder: see `hub search --kind encoder`."
        )
    if not artifact.weights_digest and artifact.upstream:
        return artifact.name.name, fetch_encoder(artifact.upstream[0], what=artifact.name.name, with_images=True), ""
    if not artifact.weights_digest:
        raise missing_weights(artifact)
    return artifact.name.name, sources.hub.snapshot(artifact.name), artifact.weights_digest


def _variant(sources: Sources, adapter: str | Path, dual: str, dual_folder: Path | None) -> ModuleSource:
    """Find the projectors' variant for the dual encoder `dual`; by width if that is a folder with an arbitrary name."""
    if Path(adapter).is_dir():
        folder, known, is_folder = Path(adapter).resolve(), Path(adapter).resolve().name, True
    else:
        wanted, _, revision = str(adapter).partition("@")
        artifact = sources.hub.registry.get(wanted)
        if not artifact.weights_digest:
            raise missing_weights(artifact)
        folder, known, is_folder = sources.hub.snapshot(artifact.name, revision or "main"), artifact.name.name, False
    variants = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.json"))}
    if (folder / "config.json").is_file() and dual not in variants:
        return ModuleSource(known, folder, read_config(folder), (folder.name,), is_folder)
    if dual not in variants and dual_folder is not None:
        width = read_json(dual_folder / "config.json").get("projection_dim")
        unpinned = {name: read_config(path) for name, path in variants.items()}
        fitting = [
            name for name, config in unpinned.items()
            if not config.variant.base.digest and config.module.get("feature_width") == width
        ]  # fmt: skip
        dual = fitting[0] if len(fitting) == 1 else dual
    if dual not in variants:
        available = ", ".join(f"`{name}`" for name in variants) or "none"
        raise DoesNotFit(
            f"`{known}` has no variant for `{dual}`, only for {available}. Find others with `hub search --kind projector`."
        )
    return ModuleSource(known, variants[dual], read_config(variants[dual]), tuple(variants), is_folder)


def _check_fit(name: str, config: ModuleConfig, dual: str, digest: Callable[[], str]) -> None:
    variant = config.variant
    if not retrieves(variant.architecture):
        raise DoesNotFit(
            f"`{name}` is a {variant.architecture}, which is not for retrieval: use `load_pipeline`, or find projectors with "
            "`hub search --kind projector`."
        )
    if variant.base.digest and variant.base.digest != (found := digest()):
        raise DoesNotFit(
            f"`{name}` was trained on the dual encoder `{variant.base.name}` with digest {variant.base.digest[:12]}, and "
            f"`{dual}` has {found[:12]}. Fetch the right one with `hub pull {variant.base.name}`."
        )


def _check_widths(name: str, config: ModuleConfig, feature_width: int, encoder_width: int) -> None:
    wanted = (config.module.get("feature_width"), config.module.get("in_width"))
    if wanted != (feature_width, encoder_width):
        raise DoesNotFit(
            f"`{name}` reads features of width {wanted[0]} and states of width {wanted[1]}, and its dual encoder and "
            f"encoder give {feature_width} and {encoder_width}. Find others with `hub search --kind projector`."
        )
