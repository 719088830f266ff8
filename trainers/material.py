"""What a module learns from, with everything frozen already computed.

Shape letters: N texts, M meanings, B batch, L tokens of the encoder, E its width, S tokens the base reads, C their
width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """Texts as encoder states, their meanings as the base's own states and as pictures' latents.

    Row 0 of texts and of meanings is the empty prompt.
    """

    states_NLE: Tensor | Rows
    """fp16."""
    mask_NL: Tensor
    """True where a token counts."""
    weights_N: Tensor
    """How often each text is drawn; 0 for the empty one."""
    meaning_N: Tensor
    """Which meaning each text has."""
    teacher_MSC: Tensor
    """What the base reads of each meaning."""
    latents_MKHW: Tensor | None
    """None when no phase looks at pictures."""
    base: FrozenBase
    deviation: float
    """Of one number of an encoder state."""

    def texts(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, L, E) in fp32 and mask (B, L) of some texts, on the base's device."""
        device = self.base.device
        if isinstance(self.states_NLE, Tensor):
            states_BLE = self.states_NLE[rows_B.to(self.states_NLE.device)]
        else:
            states_BLE = torch.from_numpy(self.states_NLE[rows_B.numpy()])
        return states_BLE.to(device).float(), self.mask_NL[rows_B].to(device)

    def teacher(self, rows_B: Tensor) -> Tensor:
        """What the base reads of these texts' meanings, (B, S, C)."""
        return self.teacher_MSC[self.meaning_N[rows_B].to(self.teacher_MSC.device)]

    def latents(self, rows_B: Tensor) -> Tensor:
        """Latents of these texts' pictures, (B, K, H, W)."""
        if self.latents_MKHW is None:
            raise WrongRequest("this phase needs pictures, and the material was gathered without them.")
        return self.latents_MKHW[self.meaning_N[rows_B].to(self.latents_MKHW.device)]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Which languages are trained on, and how often each."""

    languages: tuple[str, ...]
    english_share: float = 0.3
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
    corpus: Corpus,
    mixture: Mixture,
    base: FrozenBase,
    encoder: TextEncoder,
    *,
    length: int,
    with_pictures: bool,
    caches: Path,
    base_digest: str,
    encoder_digest: str,
    quiet: bool = False,
) -> Material:
    """Collect the examples of a mixture and compute everything frozen, from caches where they exist.

    Raises WrongRequest when a language has nothing to train on.
    """
    examples: list[Example] = []
    for tag in dict.fromkeys([*mixture.languages, *(["en"] if mixture.english_share else [])]):
        found = corpus.examples(tag)
        if not found:
            raise WrongRequest(_nothing_for(tag, corpus))
        examples += found
    meanings = dict.fromkeys((example.concept, example.meaning) for example in examples)
    place = {meaning: index + 1 for index, meaning in enumerate(meanings)}
    texts = ["", *(example.text for example in examples)]
    mask_NL, states = _encoded(texts, encoder, length, caches, encoder_digest, quiet)
    english = ["", *(meaning for _, meaning in meanings)]
    teacher = cached(
        caches,
        key_of("text-states", base_digest, base.length, english),
        (len(english), base.length, base.width),
        lambda first, last: base.text_states(english[first:last]).half().cpu().numpy(),
        label="English states of the base",
        quiet=quiet,
    )
    latents = None
    if with_pictures:
        concepts = [concept for concept, _ in meanings]
        latents = _latents(corpus, concepts, base, caches, base_digest, quiet)
    return Material(
        states_NLE=_near(states, base.device),
        mask_NL=mask_NL,
        weights_N=torch.cat([torch.zeros(1, dtype=torch.float64), weigh(examples, mixture)]),
        meaning_N=torch.tensor([0, *(place[example.concept, example.meaning] for example in examples)]),
        teacher_MSC=torch.from_numpy(np.array(teacher)).float().to(base.device),
        latents_MKHW=latents,
        base=base,
        deviation=float(np.asarray(states[:: max(1, len(states) // 512)], dtype=np.float32).std()),
    )


def _encoded(
    texts: list[str], encoder: TextEncoder, length: int, caches: Path, digest: str, quiet: bool
) -> tuple[Tensor, Rows]:
    """Mask (N, L) and states (N, L, E) of all texts."""
    mask_NL = encoder.tokenize(texts, length)[1].bool()

    def compute(first: int, last: int) -> Rows:
        return encoder.encode(texts[first:last], length)[0].half().cpu().numpy()

    key = key_of("encoder-states", digest, encoder.readout, length, texts)
    shape = (len(texts), length, encoder.width)
    return mask_NL, cached(caches, key, shape, compute, label="encoder states", quiet=quiet)


def _latents(corpus: Corpus, concepts: list[str], base: FrozenBase, caches: Path, digest: str, quiet: bool) -> Tensor:
    """Latents of each concept's picture behind a row of zeros for the empty prompt, (M, K, H, W)."""

    def compute(first: int, last: int) -> Rows:
        return base.latents(corpus.pictures(concepts[first:last])).cpu().numpy()

    rows = cached(
        caches,
        key_of("latents", digest, corpus.digest, concepts),
        (len(concepts), *base.latent_shape),
        compute,
        dtype="float32",
        batch_size=64,
        label="latents of pictures",
        quiet=quiet,
    )
    latents = torch.from_numpy(np.array(rows)).to(base.device)
    return torch.cat([torch.zeros_like(latents[:1]), latents])


def _near(states: Rows, device: torch.device) -> Tensor | Rows:
    return torch.from_numpy(np.array(states)).to(device) if states.nbytes <= IN_MEMORY_BYTES else states


def _nothing_for(tag: str, corpus: Corpus) -> str:
    if tag in corpus.languages:
        return (
            f"`{tag}` is held out of the corpus `{corpus.name}` for zero-shot figures: nothing of it may be trained on."
        )
    known = ", ".join(corpus.languages[:8])
    return f"the corpus `{corpus.name}` has no texts in `{tag}`; it has {len(corpus.languages)} languages, such as {known}."
