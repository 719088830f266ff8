"""PixArt-α and Σ: a transformer that reads token states with a mask, behind its caption projection.

Modules give what stands behind that projection (MuLan's published adapter replaces it), so the width is the transformer's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.bases.family import read_json
from hub.errors import Damaged, DoesNotFit
from hub.records import Conditioning


class PixArt:
    """Trains here; drawing through modules needs the caption projection out of the way, which the loader cannot do yet."""

    name = "pixart"
    pipeline_classes = ("PixArtAlphaPipeline", "PixArtSigmaPipeline")
    denoiser = "transformer"

    def conditioning(self, folder: Path) -> Conditioning:
        """Heads times their width; cross-attention takes any length and is told which tokens count."""
        config = read_json(folder / "transformer" / "config.json")
        heads, width = config.get("num_attention_heads"), config.get("attention_head_dim")
        if not isinstance(heads, int) or not isinstance(width, int):
            raise Damaged(f"the transformer of `{folder.name}` names no width: {heads!r} heads of {width!r}.")
        return Conditioning(width=heads * width, mask=True)

    def with_language(self, pipeline_class: type[Any]) -> type[Any]:
        """DoesNotFit: see the class."""
        raise DoesNotFit(
            f"modules for `{pipeline_class.__name__}` can be trained and published, and not drawn with yet: `hub train mulan`."
        )
