"""Ideogram 4: a transformer that reads 13 layers of Qwen3-VL as one vector per token, packed before the image's tokens.

Guidance runs a second transformer without text, so negative prompts do not exist.

Shape letters: B batch, T tokens of text with padding on the left, L all tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.bases.families.row import row
from hub.bases.family import Reads
from hub.bases.language_mixin import LanguageMixin
from hub.embeddings import Embeddings, unpad


class Ideogram4Language(LanguageMixin):
    """A mixin for an `encode_prompt` that takes no embeddings and returns (states, positions, segments, kinds of tokens)."""

    @classmethod
    def embeddings(cls, values: Mapping[str, Any]) -> Embeddings:
        """Return the states, of which those of text count."""
        from diffusers.models.transformers.transformer_ideogram4 import LLM_TOKEN_INDICATOR

        return Embeddings(values["tokens_BLC"], mask_BL=values["kinds_BL"] == LLM_TOKEN_INDICATOR)

    def _finish(
        self,
        own: Callable[..., Any],  # noqa: ARG002 - as the mixin has it
        given: Mapping[str, Any],
        positive: Embeddings,
        negative: Embeddings | None,  # noqa: ARG002 - there are none
    ) -> Any:
        """Return what the base returns for the text tokens of each prompt."""
        length, grid = given["max_sequence_length"], (given["grid_h"], given["grid_w"])
        rows = [row_TC[:length] for row_TC in unpad(self._repeat(given, positive))]
        states_BLC = rows[0].new_zeros(len(rows), length + grid[0] * grid[1], rows[0].shape[1])
        for states_LC, row_TC in zip(states_BLC, rows, strict=True):
            states_LC[length - len(row_TC) : length] = row_TC
        return states_BLC, *self._prepare_ids([len(each) for each in rows], *grid, length, given["device"])  # type: ignore[attr-defined]

    def _is_masked(self) -> bool:
        return True


Ideogram4 = row(
    "ideogram-4",
    "Ideogram4",
    Reads(width="llm_features_dim", mask=True),
    gives=("tokens_BLC", "", "", "kinds_BL"),
    arguments={},
    mixin=Ideogram4Language,
)
