"""The training set: texts, their English meanings and images, with the cached outputs of the frozen models.

Shape letters: N texts, M meanings, B batch, L tokens of the encoder, E its width, S tokens of the base, C their width,
K H W a latent, P width of a dual encoder's features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.module_config import PromptRule
from trainers.corpora.corpus import Corpus
from trainers.inputs.feature_cache import Rows, key_of, load_or_compute
from trainers.inputs.mapped_rows import MappedRows
from trainers.inputs.phrases import Phrases, collect_phrases
from trainers.inputs.prompt_rules import PromptRules
from trainers.loop.precision import has_bf16, tf32

FROZEN = {
    "states": "states_NLE",
    "teacher": "teacher_MR",
    "latents": "latents_MKHW",
    "captions": "captions_MP",
    "images": "images_MP",
    "sentences": "sentences",
}
"""Name of a feature, as a phase needs it → attribute."""
SAMPLE_BYTES = 512 << 20
"""Statistics of the base's embeddings come from a sample of this size, in fp32; smaller corpora are used whole."""
IMAGES, PIXELS = 64, 2 << 20
"""Images, and their pixels, that the autoencoder encodes or decodes at a time: 0.7 GB for each of 512 px, in fp32."""
TOKENIZED = 8192
"""Texts that are tokenised at a time."""


@dataclass(frozen=True)
class FeatureDataset:
    """Texts, their meanings and images, and features of frozen models, computed on first access and cached.

    Row 0 of texts and of meanings is the empty prompt.
    """

    texts_N: tuple[str, ...]
    languages_N: tuple[str, ...]
    """BCP-47 tags; empty for row 0."""
    weights_N: Tensor
    """Sampling weight of each text (N,); 0 for the empty one."""
    meaning_N: Tensor
    """Index of each text's meaning (N,)."""
    english_M: tuple[str, ...]
    """Each meaning in English."""
    concept_M: tuple[str, ...]
    """The concept whose image shows each meaning; empty for row 0."""
    base: FrozenBase
    """The frozen base; a dual encoder if that is the plan's foundation."""
    encoder: TextEncoder
    length: int
    """Token states per text, including padding."""
    corpus: Corpus
    store: Store
    prompt_rules: PromptRules
    """How texts reach the encoder. Row 0 follows the rule of negative prompts, whose place it takes in guidance."""
    sentence_encoder: JoinedEncoder | None = None
    """The encoders of a plan that reads one state per text."""
    vision: DualEncoder | None = None
    """The dual encoder for images beside a text-to-image base; not needed if the base is a dual encoder."""

    def fill(self, needs: Sequence[str]) -> None:
        """Compute the named features: `states`, `teacher`, `latents`, `captions`, `images`, `sentences`."""
        with tf32(self.base.device):
            for need in needs:
                getattr(self, FROZEN[need])

    def sizes(self, needs: Sequence[str]) -> dict[str, int]:
        """Return the bytes on disk of the named features, computed or not: fp16, but fp32 for latents on a CPU."""
        return {need: self._size(need) for need in needs}

    def _size(self, need: str) -> int:
        """Return the bytes of one of `FROZEN`; plans for a dual encoder never need latents."""
        base = self.base
        match need:
            case "states":
                return 2 * len(self.texts_N) * self.length * self.encoder.width
            case "teacher":
                return 2 * len(self.english_M) * sum(self._teacher_sizes)
            case "latents":
                size = np.dtype(self._latent_dtype).itemsize
                return size * (len(self.concept_M) - 1) * math.prod(base.latent_shape)
            case "sentences":
                assert self.sentence_encoder is not None, "the plan reads sentences"
                return 2 * (len(self.phrases.english_P) + len(self.phrases.texts_N)) * self.sentence_encoder.width
            case "captions":
                return 2 * len(self.english_M) * self.dual.width
            case _:
                return 2 * (len(self.concept_M) - 1) * self.dual.width

    def prefetch(self, rows_B: Tensor) -> None:
        """Start to read what the last step read, for the texts `rows_B` (B,) of the next one and the empty text.

        Does nothing on a CPU, which has no idle core for it: a batch takes 0.1 ms to read, and 0.6 ms to read in another thread.
        """
        if self.base.device.type == "cpu":
            return
        rows_B = torch.cat([torch.zeros(1, dtype=torch.long), rows_B])
        meaning_B = self.meaning_N[rows_B]
        for name, index_B in {
            "states_NLE": rows_B, "teacher_MR": meaning_B, "latents_MKHW": meaning_B, "captions_MP": meaning_B, "images_MP": meaning_B
        }.items():  # fmt: skip
            found = vars(self).get(name)  # Only those that were opened.
            if isinstance(found, MappedRows):
                found.prefetch(index_B)

    def encoder_states(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder states (B, L, E) in fp32 and mask (B, L) of the texts `rows_B` (B,), on the base's device."""
        return self.states_NLE[rows_B], self.mask_NL[rows_B].to(self.base.device, non_blocking=True)

    def token_ids(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return token ids and mask (B, L) of the texts `rows_B` (B,), for an encoder that is trained."""
        ids_NL, mask_NL = self._tokens
        return ids_NL[rows_B].long().to(self.base.device, non_blocking=True), mask_NL[rows_B].to(
            self.base.device, non_blocking=True
        )

    def base_token_ids(self, rows_B: Tensor) -> Tensor:
        """Return token ids (B, S) of the base's own tokenizer for the texts `rows_B` (B,)."""
        return self._base_tokens[rows_B].long().to(self.base.device, non_blocking=True)

    def teacher_tokens(self, rows_B: Tensor) -> Tensor:
        """Return the base's token embeddings (B, S, C) of the meanings of the texts `rows_B` (B,)."""
        return self.teacher_embeddings(rows_B).tokens_BLC

    def teacher_embeddings(self, rows_B: Tensor) -> Embeddings:
        """Return the base's embeddings of these texts' meanings: tokens (B, S, C), and pooled (B, P) or mask (B, S) if any."""
        return self._split_teacher(self.teacher_MR[self.meaning_N[rows_B]])

    def teacher_sample(self) -> Embeddings:
        """Return the base's embeddings of all meanings, or of a sample at even distances if they are many, in fp32."""
        return self._split_teacher(self.teacher_MR.sample(SAMPLE_BYTES // (4 * sum(self._teacher_sizes))))

    def latents(self, rows_B: Tensor) -> Tensor:
        """Return the latents (B, K, H, W) of the images of the texts `rows_B` (B,)."""
        return self.latents_MKHW[self.meaning_N[rows_B]]

    @cached_property
    def _tokens(self) -> tuple[Tensor, Tensor]:
        empty, rule = self.prompt_rules.negative, self.prompt_rules.positive

        def tokenize(texts: Sequence[str], rule: PromptRule) -> tuple[Tensor, Tensor]:
            ids_NL, mask_NL = self.encoder.tokenize([rule.prefix + text + rule.suffix for text in texts], rule.length)
            return ids_NL.int(), mask_NL.bool()  # A fifth of the memory of int64.

        parts = [(empty, tokenize([""], empty)), *((rule, tokenize(some, rule)) for some in _parts(self.texts_N[1:]))]
        ids, masks = zip(*([_drop(each_BL, rule) for each_BL in tokens] for rule, tokens in parts), strict=True)
        return torch.cat(ids), torch.cat(masks)

    @cached_property
    def _base_tokens(self) -> Tensor:
        return torch.cat([self.base.tokenize(some).int() for some in _parts(self.texts_N)])

    @cached_property
    def end_M(self) -> Tensor:
        """Position (M,) of the first end token of each meaning, in the base's own tokens."""
        parts = (self.base.tokenize(some) for some in _parts(self.english_M))
        return torch.cat([(ids_MS == self.base.end_id).int().argmax(dim=1) for ids_MS in parts])

    @property
    def mask_NL(self) -> Tensor:
        """Attention mask (N, L) of all texts; False is padding."""
        return self._tokens[1]

    @cached_property
    def states_NLE(self) -> MappedRows:
        """Encoder states (N, L, E) of all texts."""
        texts, prompt_rules = list(self.texts_N), self.prompt_rules
        plain = prompt_rules == PromptRules.plain(self.length)

        def states(some: list[str], rule: PromptRule) -> Tensor:
            return self.encoder.encode(some, rule.length, prefix=rule.prefix, suffix=rule.suffix, drop=rule.drop)[0]

        def compute(first: int, last: int) -> Rows:
            if plain or first > 0:
                found_BLE = states(texts[first:last], prompt_rules.positive)
            else:
                found_BLE = states(texts[:1], prompt_rules.negative)
                if last > 1:
                    found_BLE = torch.cat([found_BLE, states(texts[1:last], prompt_rules.positive)])
            return found_BLE.half().cpu().numpy()

        rules = [] if plain else [prompt_rules.config()]
        rows = load_or_compute(
            self.store.folder,
            key_of("encoder-states", self.store.encoder_digest, self.encoder.readout, self.length, texts, *rules),
            (len(texts), self.length, self.encoder.width),
            compute,
            label="encoder states",
            quiet=self.store.quiet,
        )
        return MappedRows(rows, self.base.device)

    @cached_property
    def phrases(self) -> Phrases:
        """The English phrases of all meanings, and the texts that translate them."""
        meanings = [self.english_M[place] for place in self.meaning_N[1:].tolist()]
        return collect_phrases(self.texts_N[1:], self.languages_N[1:], meanings, self.weights_N[1:].tolist())

    @cached_property
    def sentences(self) -> tuple[Tensor, Tensor]:
        """One state of each English phrase (P, E) and of each text (N, E) of `phrases`, fp32, from the encoders side by side."""
        encoder, given = self.sentence_encoder, [*self.phrases.english_P, *self.phrases.texts_N]
        assert encoder is not None, "the plan reads sentences"
        length, device = self.prompt_rules.positive.length, self.base.device
        readings = [(part.readout, part.prefix) for part in encoder.parts]
        in_bf16 = has_bf16(device)  # More than twice as fast; cosines with the states in fp32 are above .9999.

        def compute(first: int, last: int) -> Rows:
            with torch.autocast(device.type, torch.bfloat16, enabled=in_bf16):
                states_B1E, _ = encoder.encode(given[first:last], length)
            return states_B1E[:, 0].half().cpu().numpy()

        rows = load_or_compute(
            self.store.folder,
            key_of("sentence-states", self.store.encoder_digest, readings, length, in_bf16, given),
            (len(given), encoder.width),
            compute,
            batch_size=64,
            label="sentence states",
            quiet=self.store.quiet,
        )
        states = torch.from_numpy(np.array(rows)).float().to(device)
        count = len(self.phrases.english_P)
        return states[:count], states[count:]

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of the elements of encoder states, from a sample of texts."""
        return float(self.states_NLE.sample(512).cpu().numpy().std())

    @property
    def _teacher_sizes(self) -> list[int]:
        """Elements of tokens, pooled embedding and mask in a row of `teacher_MR`."""
        base = self.base
        return [base.length * base.width, base.pooled_width or 0, base.length if base.mask else 0]

    def _split_teacher(self, rows_BR: Tensor) -> Embeddings:
        base = self.base
        states, pooled, mask = rows_BR.split(self._teacher_sizes, dim=1)
        return Embeddings(
            states.unflatten(1, (base.length, base.width)),
            pooled if base.pooled_width else None,
            mask.bool() if base.mask else None,
        )

    @cached_property
    def teacher_MR(self) -> MappedRows:
        """The base's embeddings of each meaning as one row of tokens, pooled and mask, so that no encoder runs twice."""
        english, base = list(self.english_M), self.base

        def compute(first: int, last: int) -> Rows:
            parts = [part.flatten(1).half() for part in base.read(english[first:last]).tensors()]
            return torch.cat(parts, dim=1).cpu().numpy()

        rows = load_or_compute(
            self.store.folder,
            key_of("readings", self.store.base_digest, base.length, english),
            (len(english), sum(self._teacher_sizes)),
            compute,
            label="base embeddings of English",
            quiet=self.store.quiet,
        )
        return MappedRows(rows, base.device)

    @property
    def _latent_dtype(self) -> str:
        """The type of cached latents: half the space on a GPU, whose steps round them to 16 bits anyway."""
        return "float32" if self.base.device.type == "cpu" else "float16"

    @cached_property
    def latents_MKHW(self) -> MappedRows:
        """Latents (M, K, H, W) of each meaning's image; row 0, the empty prompt, is zero."""
        concepts, dtype = list(self.concept_M[1:]), self._latent_dtype

        def compute(first: int, last: int) -> Rows:
            return self.base.latents(self.corpus.images(concepts[first:last])).cpu().numpy()

        rows = load_or_compute(
            self.store.folder,
            key_of(
                "latents",
                self.store.base_digest,
                self.corpus.digest,
                concepts,
                *([] if dtype == "float32" else [dtype]),
            ),
            (len(concepts), *self.base.latent_shape),
            compute,
            dtype=dtype,
            batch_size=max(1, min(IMAGES, PIXELS // self.base.side**2)),
            label="latents of images",
            quiet=self.store.quiet,
        )
        return MappedRows(rows, self.base.device, has_blank=True)

    @cached_property
    def captions_MP(self) -> MappedRows:
        """Dual encoder features (M, P) of each meaning in English."""
        english = list(self.english_M)
        return MappedRows(self._dual_features("captions", english, self.dual.text_features), self.base.device)

    @cached_property
    def images_MP(self) -> MappedRows:
        """Dual encoder features (M, P) of each meaning's image; row 0, the empty text, is zero."""
        concepts = list(self.concept_M[1:])
        rows = self._dual_features(
            "images", concepts, lambda some: self.dual.image_features(self.corpus.images(some)), self.corpus.digest
        )
        return MappedRows(rows, self.base.device, has_blank=True)

    @property
    def dual(self) -> DualEncoder:
        """The dual encoder that computes features: the base, or the `vision` of a phase."""
        base: Any = self.base
        found = base if isinstance(base, DualEncoder) else self.vision
        assert found is not None, "a phase that needs images has an option `vision`"
        return found

    def _dual_features(self, name: str, inputs: list[str], compute: Callable[[list[str]], Tensor], *key: str) -> Rows:
        """Return cached features (M, P) of a dual encoder, normalised so that they fit fp16.

        This loses nothing: the layers that use them have no bias and normalise their output.
        """

        def compute_normalised(first: int, last: int) -> Rows:
            return F.normalize(compute(inputs[first:last]), dim=1).half().cpu().numpy()

        return load_or_compute(
            self.store.folder,
            key_of(f"dual-encoder-{name}", self.store.vision_digest or self.store.base_digest, *key, inputs),
            (len(inputs), self.dual.width),
            compute_normalised,
            label=f"features of {name}",
            quiet=self.store.quiet,
        )


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of the caches, and the digests in their keys."""

    folder: Path
    base_digest: str
    encoder_digest: str
    quiet: bool = False
    """Whether to hide progress bars."""
    vision_digest: str = ""
    """Digest of the dual encoder beside a text-to-image base."""


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split texts into parts for a tokenizer, which builds lists of Python numbers that are much larger than its tensors."""
    return (texts[first : first + TOKENIZED] for first in range(0, len(texts), TOKENIZED))


def _drop(values_BL: Tensor, rule: PromptRule) -> Tensor:
    """Remove the positions that the rule drops."""
    return values_BL[:, [place for place in range(rule.length) if place not in rule.drop]]
