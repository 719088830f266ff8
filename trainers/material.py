"""What a module learns from, with everything frozen already computed.

Shape letters: N texts, M meanings, B batch, L tokens of the encoder, E its width, S tokens the base reads, C their
width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hub.errors import WrongRequest
from hub.modules import TextEncoder
from trainers.caches import Rows, cached, key_of
from trainers.corpora import Corpus, Example
from trainers.frozen import FrozenBase

IN_MEMORY_BYTES = 4 << 30
"""States up to this size are read into memory, or onto the device; larger ones stay mapped."""


@dataclass(frozen=True)
class Material:
    """Texts, their meanings and pictures; what frozen models say of them is computed when first asked for, and cached.

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
    """Whose picture shows it; empty for row 0."""
    base: FrozenBase
    encoder: TextEncoder
    length: int
    """Tokens a text is padded and cut to."""
    corpus: Corpus
    store: Store

    def fill(self, needs: Sequence[str]) -> None:
        """Compute what is named: `states`, `teacher`, `latents`."""
        for need in needs:
            getattr(self, {"states": "states_NLE", "teacher": "teacher_MSC", "latents": "latents_MKHW"}[need])

    def sizes(self, needs: Sequence[str]) -> dict[str, int]:
        """Bytes on disk of what is named, computed or not."""
        base, (channels, height, width) = self.base, self.base.latent_shape
        everything = {
            "states": 2 * len(self.texts_N) * self.length * self.encoder.width,
            "teacher": 2 * len(self.english_M) * base.length * base.width,
            "latents": 4 * (len(self.concept_M) - 1) * channels * height * width,
        }
        return {need: everything[need] for need in needs}

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
        """What the base reads of these texts' meanings, (B, S, C)."""
        return self.teacher_MSC[self.meaning_N[rows_B].to(self.teacher_MSC.device)]

    def latents(self, rows_B: Tensor) -> Tensor:
        """Latents of these texts' pictures, (B, K, H, W)."""
        return self.latents_MKHW[self.meaning_N[rows_B].to(self.latents_MKHW.device)]

    @cached_property
    def _tokens(self) -> tuple[Tensor, Tensor]:
        ids_NL, mask_NL = self.encoder.tokenize(list(self.texts_N), self.length)
        return ids_NL, mask_NL.bool()

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
        texts = list(self.texts_N)

        def compute(first: int, last: int) -> Rows:
            return self.encoder.encode(texts[first:last], self.length)[0].half().cpu().numpy()

        rows = cached(
            self.store.folder,
            key_of("encoder-states", self.store.encoder_digest, self.encoder.readout, self.length, texts),
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

    @cached_property
    def teacher_MSC(self) -> Tensor:
        """What the base reads of each meaning."""
        english = list(self.english_M)
        rows = cached(
            self.store.folder,
            key_of("text-states", self.store.base_digest, self.base.length, english),
            (len(english), self.base.length, self.base.width),
            lambda first, last: self.base.text_states(english[first:last]).half().cpu().numpy(),
            label="English states of the base",
            quiet=self.store.quiet,
        )
        return torch.from_numpy(np.array(rows)).float().to(self.base.device)

    @cached_property
    def latents_MKHW(self) -> Tensor:
        """Latents of each meaning's picture behind a row of zeros for the empty prompt."""
        concepts = list(self.concept_M[1:])

        def compute(first: int, last: int) -> Rows:
            return self.base.latents(self.corpus.pictures(concepts[first:last])).cpu().numpy()

        rows = cached(
            self.store.folder,
            key_of("latents", self.store.base_digest, self.corpus.digest, concepts),
            (len(concepts), *self.base.latent_shape),
            compute,
            dtype="float32",
            batch_size=64,
            label="latents of pictures",
            quiet=self.store.quiet,
        )
        latents = torch.from_numpy(np.array(rows)).to(self.base.device)
        return torch.cat([torch.zeros_like(latents[:1]), latents])


@dataclass(frozen=True, slots=True)
class Store:
    """Where caches lie, and what they are keyed by."""

    folder: Path
    base_digest: str
    encoder_digest: str
    quiet: bool = False
    """No progress bars."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Which languages are trained on, and how often each."""

    languages: tuple[str, ...]
    english_share: float = 0.2
    """Share of draws that are English texts through the multilingual encoder, so that English is kept."""
    temperature: float = 2.0
    """A language with n texts is drawn in proportion to n^(1/temperature)."""


def weigh(examples: Sequence[Example], mixture: Mixture) -> Tensor:
    """How often each example is drawn, (N,), summing to 1."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for example in examples:
        sums[example.language] = sums.get(example.language, 0.0) + example.weight
        counts[example.language] = counts.get(example.language, 0) + 1
    tempered = {tag: count ** (1 / mixture.temperature) for tag, count in counts.items() if tag != "en"}
    english = (mixture.english_share if tempered else 1.0) if "en" in counts else 0.0
    share = {tag: (1 - english) * value / sum(tempered.values()) for tag, value in tempered.items()} | {"en": english}
    return torch.tensor(
        [share[each.language] * each.weight / sums[each.language] for each in examples], dtype=torch.float64
    )


def gather(
    corpus: Corpus, mixture: Mixture, base: FrozenBase, encoder: TextEncoder, *, length: int, store: Store
) -> Material:
    """Collect the examples of a mixture. Raises WrongRequest when a language has nothing to train on."""
    examples: list[Example] = []
    for tag in dict.fromkeys([*mixture.languages, *(["en"] if mixture.english_share else [])]):
        found = corpus.examples(tag)
        if not found:
            raise WrongRequest(_nothing_for(tag, corpus))
        examples += found
    meanings = dict.fromkeys((example.concept, example.meaning) for example in examples)
    place = {meaning: index + 1 for index, meaning in enumerate(meanings)}
    return Material(
        texts_N=("", *(example.text for example in examples)),
        languages_N=("", *(example.language for example in examples)),
        weights_N=torch.cat([torch.zeros(1, dtype=torch.float64), weigh(examples, mixture)]),
        meaning_N=torch.tensor([0, *(place[example.concept, example.meaning] for example in examples)]),
        english_M=("", *(english for _, english in meanings)),
        concept_M=("", *(concept for concept, _ in meanings)),
        base=base,
        encoder=encoder,
        length=length,
        corpus=corpus,
        store=store,
    )


def _nothing_for(tag: str, corpus: Corpus) -> str:
    if tag in corpus.languages:
        return (
            f"`{tag}` is held out of the corpus `{corpus.name}` for zero-shot figures: nothing of it may be trained on."
        )
    known = ", ".join(corpus.languages[:8])
    return f"the corpus `{corpus.name}` has no texts in `{tag}`; it has {len(corpus.languages)} languages, such as {known}."
