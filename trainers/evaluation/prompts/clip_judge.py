"""The judge of published benchmarks: any dual encoder, by name or folder.

Shape letters: N texts or images, D features, H and W an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.encoders.dual_encoder import DualEncoder
from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.publish.card_only import missing_weights
from hub.remote.configurations import fetch_encoder
from hub.weights.digest import digest_of
from trainers.evaluation.data_folder import open_image

_AT_ONCE = 64
"""Image files that are open at a time."""


@dataclass(frozen=True, slots=True)
class ClipJudge:
    """A dual encoder with the digest of its weights."""

    name: str
    digest: str
    encoder: DualEncoder

    @classmethod
    def open(cls, judge: str, hub: LocalHub, device: str | None = None) -> ClipJudge:
        """Load a judge by name or from a folder. Raises `UnknownArtifact`, `InvalidRequest` and the errors of `DualEncoder`."""
        name, folder, digest = _find(judge, hub)
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return cls(
            name,
            digest or digest_of(folder),
            DualEncoder.from_folder(folder, device=place, dtype=torch.float32, what=name),
        )

    @property
    def label(self) -> str:
        """Name and digest, as in metrics: `metaclip-2@1f0c22ab`."""
        return f"{self.name}@{self.digest[:8]}"

    @property
    def resize(self) -> str:
        """How images are resized, for the run record."""
        processor = self.encoder.processor
        size = dict(getattr(processor, "size", None) or {})
        return f"{type(processor).__name__} {' '.join(f'{key} {value}' for key, value in size.items())}".strip()

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors of texts, (N, D)."""
        return F.normalize(self.encoder.text_features(texts), dim=1).cpu()

    def images(self, images_N3HW: Tensor) -> Tensor:
        """Return features of uint8 images (N, 3, H, W), (N, D), not normalised."""
        return self.encoder.image_features(images_N3HW).cpu()

    def files(self, paths: Sequence[Path]) -> Tensor:
        """Return features of image files, (N, D), not normalised. Raises `DamagedFile` for one that cannot be read."""
        rows = []
        for first in range(0, len(paths), _AT_ONCE):
            opened = [open_image(path) for path in paths[first : first + _AT_ONCE]]
            rows.append(self.encoder.image_features(opened).cpu())
        return torch.cat(rows)


def _find(judge: str, hub: LocalHub) -> tuple[str, Path, str]:
    """Return the name, folder and digest of a judge; the digest of a folder is empty."""
    if Path(judge).expanduser().is_dir():
        folder = Path(judge).expanduser().resolve()
        if not (folder / "config.json").is_file():
            raise InvalidRequest(
                f"`{judge}` has no config.json: pass the folder of a dual encoder of transformers to --judge, or a name."
            )
        return folder.name, folder, ""
    artifact = hub.registry.get(judge)
    name = artifact.name.name
    if artifact.kind != "encoder":
        raise InvalidRequest(
            f"`{judge}` is of kind {artifact.kind} and cannot judge images: pass a dual encoder to --judge (see `hub search --kind "
            "encoder`)."
        )
    if artifact.weights_digest:
        return name, hub.snapshot(artifact.name), artifact.weights_digest
    if artifact.upstream:
        return name, fetch_encoder(artifact.upstream[0], what=name, with_images=True), ""
    raise missing_weights(artifact)
