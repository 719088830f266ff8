"""What a module learns from, with everything frozen already computed.

Shape letters: N texts, M meanings, B batch, L tokens of the encoder, E its width, S tokens the base reads, C their
width, K H W a latent, P width of a dual encoder's features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.module_config import PromptRule
from trainers.corpora.corpus import Corpus
from trainers.inputs.feature_cache import Rows, cached, key_of
from trainers.inputs.prompt_rules import PromptRules

FROZEN = {
    "states": "states_NLE",
    "teacher": "teacher_MSC",
    "latents": "latents_MKHW",
    "captions": "captions_MP",
    "images": "images_MP",
}
"""What a phase may need → where it is."""
IN_MEMORY_BYTES = 4 << 30
"""States up to this size are read into memory, or onto the device; larger ones stay mapped."""


@dataclass(frozen=True)
class FeatureDataset:
    """Texts, their meanings and images; what frozen models say of them is computed when first asked for, and cached.

    Row 0 of texts and of meanings is the empty prompt.
    """

    texts_N: tuple[str, ...]
    languages_N: tuple[str, ...]
    """BCP-47 tags; empty for row 0."""
    weights_N: Tensor
    """How often each text is drawn; 0 for the empty one."""
    meaning_N: Tensor
    """Which meaning each text has."""
    english_M: tuple[str, ...]
    """Each meaning in English."""
    concept_M: tuple[str, ...]
    """Whose image shows it; empty for row 0."""
    base: FrozenBase
    """Under a plan whose foundation is a dual encoder, that."""
    encoder: TextEncoder
    length: int
    """Token states of a text, those at pads among them."""
    corpus: Corpus
    store: Store
    prompt_rules: PromptRules
    """How texts reach the encoder. Row 0 goes the way of negative prompts, since guidance reads it in their place."""
    vision: DualEncoder | None = None
    """Whose vision tower looks at images beside a base that draws; a dual encoder among foundations looks itself."""

    def fill(self, needs: Sequence[str]) -> None:
        """Compute what is named: `states`, `teacher`, `latents`, `captions`, `images`."""
        for need in needs:
            getattr(self, FROZEN[need])

    def sizes(self, needs: Sequence[str]) -> dict[str, int]:
        """Bytes on disk of what is named, computed or not: fp16, latents fp32."""
        return {need: self._size(need) for need in needs}

    def _size(self, need: str) -> int:
        """Of one of `FROZEN`; a dual encoder has no latents, so it is not asked for them."""
        base = self.base
        match need:
            case "states":
                return 2 * len(self.texts_N) * self.length * self.encoder.width
            case "teacher":
                mask = base.length if base.mask else 0
                return 2 * len(self.english_M) * (base.length * base.width + (base.pooled_width or 0) + mask)
            case "latents":
                return 4 * (len(self.concept_M) - 1) * math.prod(base.latent_shape)
            case "captions":
                return 2 * len(self.english_M) * self.dual.width
            case _:
                return 2 * (len(self.concept_M) - 1) * self.dual.width

    def texts(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder states (B, L, E) in fp32 and mask (B, L) of some texts, on the base's device."""
        device = self.base.device
        if isinstance(self.states_NLE, Tensor):
            states_BLE = self.states_NLE[rows_B.to(self.states_NLE.device)]
        else:
            states_BLE = torch.from_numpy(self.states_NLE[rows_B.numpy()])
        return states_BLE.to(device).float(), self.mask_NL[rows_B].to(device)

    def ids(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder's tokenizer makes of some texts, for an encoder that learns: ids and mask, (B, L)."""
        ids_NL, mask_NL = self._tokens
        return ids_NL[rows_B].to(self.base.device), mask_NL[rows_B].to(self.base.device)

    def base_ids(self, rows_B: Tensor) -> Tensor:
        """What the base's own tokenizer makes of some texts, (B, S)."""
        return self._base_tokens[rows_B].to(self.base.device)

    def teacher(self, rows_B: Tensor) -> Tensor:
        """Token states the base reads of these texts' meanings, (B, S, C)."""
        return self.teacher_MSC[self.meaning_N[rows_B].to(self.teacher_MSC.device)]

    def reading(self, rows_B: Tensor) -> Embeddings:
        """All that the base reads of these texts' meanings: states, and pooled vector (B, P) or mask (B, S) where it has them."""
        rest = [
            None if all_M is None else all_M[self.meaning_N[rows_B].to(all_M.device)]
            for all_M in (self.teacher_pooled_MP, self.teacher_mask_MS)
        ]
        return Embeddings(self.teacher(rows_B), *rest)

    def latents(self, rows_B: Tensor) -> Tensor:
        """Latents of these texts' images, (B, K, H, W)."""
        return self.latents_MKHW[self.meaning_N[rows_B].to(self.latents_MKHW.device)]

    @cached_property
    def _tokens(self) -> tuple[Tensor, Tensor]:
        empty, rule = self.prompt_rules.negative, self.prompt_rules.positive
        rest = [rule.prefix + text for text in self.texts_N[1:]]
        parts = [
            (empty, self.encoder.tokenize([empty.prefix], empty.length)), (rule, self.encoder.tokenize(rest, rule.length))
        ]  # fmt: skip
        ids, masks = zip(*([_kept(each_BL, rule) for each_BL in tokens] for rule, tokens in parts), strict=True)
        return torch.cat(ids), torch.cat(masks).bool()

    @cached_property
    def _base_tokens(self) -> Tensor:
        return self.base.tokenize(self.texts_N)

    @cached_property
    def end_M(self) -> Tensor:
        """Where the base's own tokens of each meaning end: the place of the first end token, (M,)."""
        ids_MS = self.base.tokenize(self.english_M)
        return (ids_MS == self.base.end_id).int().argmax(dim=1)

    @property
    def mask_NL(self) -> Tensor:
        """True where a token counts."""
        return self._tokens[1]

    @cached_property
    def states_NLE(self) -> Tensor | Rows:
        """Encoder states of all texts, fp16; mapped from disk when they are large."""
        texts, prompt_rules = list(self.texts_N), self.prompt_rules
        plain = prompt_rules == PromptRules.plain(self.length)

        def states(some: list[str], rule: PromptRule) -> Tensor:
            return self.encoder.encode(some, rule.length, prefix=rule.prefix, drop=rule.drop)[0]

        def compute(first: int, last: int) -> Rows:
            if plain or first > 0:
                found_BLE = states(texts[first:last], prompt_rules.positive)
            else:
                found_BLE = states(texts[:1], prompt_rules.negative)
                if last > 1:
                    found_BLE = torch.cat([found_BLE, states(texts[1:last], prompt_rules.positive)])
            return found_BLE.half().cpu().numpy()

        rules = [] if plain else [prompt_rules.config()]
        rows = cached(
            self.store.folder,
            key_of("encoder-states", self.store.encoder_digest, self.encoder.readout, self.length, texts, *rules),
            (len(texts), self.length, self.encoder.width),
            compute,
            label="encoder states",
            quiet=self.store.quiet,
        )
        return torch.from_numpy(np.array(rows)).to(self.base.device) if rows.nbytes <= IN_MEMORY_BYTES else rows

    @cached_property
    def deviation(self) -> float:
        """Of one number of an encoder state."""
        some = self.states_NLE[:: max(1, len(self.states_NLE) // 512)]
        return float(np.asarray(some.cpu() if isinstance(some, Tensor) else some, dtype=np.float32).std())

    @property
    def teacher_MSC(self) -> Tensor:
        """Token states the base reads of each meaning."""
        return self._readings.tokens_BLC

    @property
    def teacher_pooled_MP(self) -> Tensor | None:
        """The pooled vector the base reads of each meaning; None where it reads none."""
        return self._readings.pooled_BP

    @property
    def teacher_mask_MS(self) -> Tensor | None:
        """Which of a meaning's tokens count; None where the base is not told."""
        return self._readings.mask_BL

    @cached_property
    def _readings(self) -> Embeddings:
        """One row a meaning, states, pooled vector and mask one behind the other, so that no encoder runs twice."""
        english, base = list(self.english_M), self.base
        sizes = [base.length * base.width, base.pooled_width or 0, base.length if base.mask else 0]

        def compute(first: int, last: int) -> Rows:
            parts = [part.flatten(1).half() for part in base.read(english[first:last]) if part is not None]
            return torch.cat(parts, dim=1).cpu().numpy()

        rows = cached(
            self.store.folder,
            key_of("readings", self.store.base_digest, base.length, english),
            (len(english), sum(sizes)),
            compute,
            label="what the base reads of English",
            quiet=self.store.quiet,
        )
        states, pooled, mask = torch.from_numpy(np.array(rows)).float().to(base.device).split(sizes, dim=1)
        return Embeddings(
            states.unflatten(1, (base.length, base.width)),
            pooled if base.pooled_width else None,
            mask.bool() if base.mask else None,
        )

    @cached_property
    def latents_MKHW(self) -> Tensor:
        """Latents of each meaning's image behind a row of zeros for the empty prompt."""
        concepts = list(self.concept_M[1:])

        def compute(first: int, last: int) -> Rows:
            return self.base.latents(self.corpus.images(concepts[first:last])).cpu().numpy()

        rows = cached(
            self.store.folder,
            key_of("latents", self.store.base_digest, self.corpus.digest, concepts),
            (len(concepts), *self.base.latent_shape),
            compute,
            dtype="float32",
            batch_size=64,
            label="latents of images",
            quiet=self.store.quiet,
        )
        latents = torch.from_numpy(np.array(rows)).to(self.base.device)
        return torch.cat([torch.zeros_like(latents[:1]), latents])

    @cached_property
    def captions_MP(self) -> Tensor:
        """What a dual encoder says of each meaning in English."""
        english = list(self.english_M)
        return self._features("captions", english, self.dual.text_features)

    @cached_property
    def images_MP(self) -> Tensor:
        """What a dual encoder says of each meaning's image, behind a row of zeros for the empty text."""
        concepts = list(self.concept_M[1:])
        rows = self._features(
            "images", concepts, lambda some: self.dual.image_features(self.corpus.images(some)), self.corpus.digest
        )
        return torch.cat([torch.zeros_like(rows[:1]), rows])

    @property
    def dual(self) -> DualEncoder:
        """Who says features: the foundation, or the `vision` of a phase."""
        base: Any = self.base
        found = base if isinstance(base, DualEncoder) else self.vision
        assert found is not None, "a phase that looks at images has an option `vision`"
        return found

    def _features(self, name: str, inputs: list[str], compute: Callable[[list[str]], Tensor], *key: str) -> Tensor:
        """Of a dual encoder, (M, P), of length 1 so that fp16 holds any model's: what reads them has no bias and normalises."""

        def normalised(first: int, last: int) -> Rows:
            return F.normalize(compute(inputs[first:last]), dim=1).half().cpu().numpy()

        rows = cached(
            self.store.folder,
            key_of(f"dual-encoder-{name}", self.store.vision_digest or self.store.base_digest, *key, inputs),
            (len(inputs), self.dual.width),
            normalised,
            label=f"features of {name}",
            quiet=self.store.quiet,
        )
        return torch.from_numpy(np.array(rows)).float().to(self.base.device)


@dataclass(frozen=True, slots=True)
class Store:
    """Where caches lie, and what they are keyed by."""

    folder: Path
    base_digest: str
    encoder_digest: str
    quiet: bool = False
    """No progress bars."""
    vision_digest: str = ""
    """Of the dual encoder beside a base that draws."""


def _kept(values_BL: Tensor, rule: PromptRule) -> Tensor:
    """Without the positions that the rule drops."""
    return values_BL[:, [place for place in range(rule.length) if place not in rule.drop]]
