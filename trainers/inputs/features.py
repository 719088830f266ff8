"""The training set: texts, their English meanings and images, with the cached outputs of the frozen models.

Shape letters: N texts, M meanings, B batch, L tokens of the encoder, E its width, S tokens of the base, C their width,
K H W a latent, P width of a dual encoder's features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.modules.module_config import PromptRule
from trainers.corpora.corpus import Corpus
from trainers.inputs.feature_cache import FeatureCache, key_of
from trainers.inputs.latents.cropping import Cropping
from trainers.inputs.latents.image_latents import ImageBatch, ImageLatents
from trainers.inputs.mapped_rows import MappedRows
from trainers.inputs.phrases import Phrases, collect_phrases
from trainers.inputs.prompt_rules import PromptRules
from trainers.inputs.sharded_rows import Rows
from trainers.inputs.token_rows import TokenRows, base_tokens, encoder_tokens
from trainers.loop.precision import has_bf16, tf32

FROZEN = {
    "states": "states_NLE",
    "teacher": "teacher_MR",
    "latents": "latent_rows",
    "captions": "captions_MP",
    "images": "images_MP",
    "sentences": "sentences",
}
"""Name of a feature, as a phase needs it → attribute."""
SAMPLE_BYTES, SAMPLE_ROWS = 512 << 20, 8192
"""Statistics of the base's embeddings come from a sample of at most this size, in fp32, and this many meanings."""


@dataclass(frozen=True)
class FeatureDataset:
    """Texts, their meanings and images, and features of frozen models, computed on first access and cached.

    Row 0 of texts and of meanings is the empty prompt.
    """

    texts_N: Sequence[str]
    languages_N: Sequence[str]
    """BCP-47 tags; empty for row 0."""
    weights_N: Tensor
    """Sampling weight of each text (N,); 0 for the empty one."""
    translated_weights_N: Tensor
    """The same for losses that compare a text with its meaning: 0 for native texts."""
    native_N: Tensor
    """Whether a text is native (N,): not a translation of its meaning, which may be empty."""
    meaning_N: Tensor
    """Index of each text's meaning (N,)."""
    english_M: Sequence[str]
    """Each meaning in English."""
    concept_M: Sequence[str]
    """The concept whose image shows each meaning; empty for row 0."""
    base: FrozenBase
    """The frozen base; a dual encoder if that is the plan's foundation."""
    encoder: TextEncoder
    length: int
    """Token states per text, including padding."""
    corpus: Corpus
    store: Store
    prompt_rules: PromptRules
    """How texts reach the encoder. Row 0 follows the rule of negative prompts, which it replaces in guidance."""
    sentence_encoder: JoinedEncoder | None = None
    """The encoders of a plan that reads one state per text."""
    vision: DualEncoder | None = None
    """The dual encoder for images beside a text-to-image base; not needed if the base is a dual encoder."""
    sample_latents: bool = False
    """Whether the autoencoder's posterior is cached, and latents are sampled from it, instead of its mean."""
    cropping: Cropping | None = None
    """How images are cropped for the denoiser; None for one center crop, in the shape of the base."""

    def fill(self, needs: Sequence[str]) -> None:
        """Compute the named features: `states`, `teacher`, `latents`, `captions`, `images`, `sentences`."""
        with tf32(self.base.device):
            for need in needs:
                getattr(self, FROZEN[need])
        self._leave_out_unreadable()

    def _leave_out_unreadable(self) -> None:
        """Set the weights of texts to 0 whose images could not be read when they were encoded, now or by an earlier process."""
        if unreadable := self.corpus.unreadable:
            is_broken_M = torch.tensor([concept in unreadable for concept in self.concept_M])
            for weights_N in (self.weights_N, self.translated_weights_N):
                weights_N[is_broken_M[self.meaning_N]] = 0

    def caches(self, need: str) -> list[FeatureCache]:
        """Return the cache of one of the named features, filled or not; of latents those of all buckets."""
        return self.image_latents.caches() if need == "latents" else [getattr(self, f"_{need}_cache")()]

    def sizes(self, needs: Sequence[str]) -> dict[str, int]:
        """Return the bytes on disk of the named features, computed or not: fp16, but fp32 for latents on a CPU."""
        return {need: sum(cache.size_bytes for cache in self.caches(need)) for need in needs}

    def prefetch(self, rows_B: Tensor) -> None:
        """Start to read the same features as in the last step, for the texts `rows_B` (B,) of the next one and the empty text.

        Does nothing on a CPU, which has no idle core for it: a batch takes 0.1 ms to read, and 0.6 ms to read in another thread.
        """
        if self.base.device.type == "cpu":
            return
        rows_B = torch.cat([torch.zeros(1, dtype=torch.long), rows_B])
        meaning_B = self.meaning_N[rows_B]
        for name, index_B in {
            "states_NLE": rows_B, "teacher_MR": meaning_B, "captions_MP": meaning_B, "images_MP": meaning_B
        }.items():  # fmt: skip
            found = vars(self).get(name)  # Only those that were opened.
            if isinstance(found, MappedRows):
                found.prefetch(index_B)
        if "latent_rows" in vars(self):
            self.image_latents.prefetch(self.latent_rows, meaning_B[1:])

    def encoder_states(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder states (B, L, E) in fp32 and mask (B, L) of the texts `rows_B` (B,), on the base's device."""
        return self.states_NLE[rows_B], self._tokens[rows_B][1].to(self.base.device, non_blocking=True)

    def token_ids(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return token ids and mask (B, L) of the texts `rows_B` (B,), for an encoder that is trained."""
        ids_BL, mask_BL = self._tokens[rows_B]
        device = self.base.device
        return ids_BL.to(device, non_blocking=True), mask_BL.to(device, non_blocking=True)

    def teacher_tokens(self, rows_B: Tensor) -> Tensor:
        """Return the base's token embeddings (B, S, C) of the meanings of the texts `rows_B` (B,)."""
        return self.teacher_embeddings(rows_B).tokens_BLC

    def teacher_embeddings(self, rows_B: Tensor) -> Embeddings:
        """Return the base's embeddings of these texts' meanings: tokens (B, S, C), and pooled (B, P) or mask (B, S) if any."""
        return self._split_teacher(self.teacher_MR[self.meaning_N[rows_B]])

    def teacher_sample(self) -> Embeddings:
        """Return the base's embeddings of all meanings, or of a sample at even distances if they are many, in fp32."""
        count = min(SAMPLE_ROWS, SAMPLE_BYTES // (4 * sum(self._teacher_sizes)))
        return self._split_teacher(self.teacher_MR.sample(count))

    def images(self, rows_B: Tensor, generator: torch.Generator | None = None) -> ImageBatch:
        """Return the latents (B, K, H, W) of the images of the texts `rows_B` (B,), and the sizes (B, 6) of those that are cropped.

        At each call, `generator` chooses among several crops and samples from posteriors, depending on `sample_latents` and `cropping`.
        Without it they are the first crop and the mean. Raises `ValueError` for images of several buckets.
        """
        return self.image_latents.read(self.latent_rows, self.meaning_N[rows_B], generator)

    def latents(self, rows_B: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the latents of `images`. Raises `DoesNotFit` with a cropping, whose sizes must be passed to the denoiser."""
        if self.cropping is not None:
            raise DoesNotFit(
                "this method does not pass image sizes to the denoiser: omit `center_crop`, `random_crops`, `random_flip` and "
                "`aspect_buckets`."
            )
        return self.images(rows_B, generator).latents_BKHW

    @property
    def bucket_N(self) -> Tensor | None:
        """Bucket (N,) of each text's image, so that batches have images of one shape; None if all have the same."""
        if self.cropping is None or not self.cropping.aspect_buckets:
            return None
        assert self.image_latents.crops is not None, "there is a cropping"
        return torch.from_numpy(self.image_latents.crops.bucket_M)[self.meaning_N]

    @cached_property
    def _tokens(self) -> TokenRows:
        """Tokens (N, L) of all texts for the encoder."""
        return self._encoder_tokens(self.texts_N, self.prompt_rules)

    @cached_property
    def meaning_tokens(self) -> TokenRows:
        """Tokens (M, L) of all meanings for the encoder, without prompt rules."""
        return self._encoder_tokens(self.english_M, PromptRules.plain(self.length))

    def _encoder_tokens(self, texts: Sequence[str], rules: PromptRules) -> TokenRows:
        folder, digest, quiet = self.store.folder, self.store.encoder_digest, self.store.quiet
        return encoder_tokens(self.encoder, texts, rules, folder=folder, digest=digest, quiet=quiet)

    @cached_property
    def end_M(self) -> Tensor:
        """Position (M,) of the first end token of each meaning, in the base's own tokens."""
        folder, digest, quiet = self.store.folder, self.store.base_digest, self.store.quiet
        rows = base_tokens(self.base, self.english_M, folder=folder, digest=digest, quiet=quiet)
        return rows.first_places(self.base.end_id)

    @cached_property
    def states_NLE(self) -> MappedRows:
        """Encoder states (N, L, E) of all texts."""
        return MappedRows(self._states_cache().load(), self.base.device)

    def _states_cache(self) -> FeatureCache:
        texts, prompt_rules = self.texts_N, self.prompt_rules
        plain = prompt_rules == PromptRules.plain(self.length)

        def states(some: Sequence[str], rule: PromptRule) -> Tensor:
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
        return FeatureCache(
            folder=self.store.folder,
            key=key_of("encoder-states", self.store.encoder_digest, self.encoder.readout, self.length, texts, *rules),
            shape=(len(texts), self.length, self.encoder.width),
            compute=compute,
            label="encoder states",
            quiet=self.store.quiet,
        )

    @cached_property
    def phrases(self) -> Phrases:
        """The English phrases of all meanings, and the texts that translate them."""
        rows, english = self.translated_weights_N.nonzero().flatten(), [*self.english_M]
        meanings = [english[place] for place in self.meaning_N[rows].tolist()]
        texts, languages = ([each[row] for row in rows.tolist()] for each in ([*self.texts_N], self.languages_N))
        return collect_phrases(texts, languages, meanings, self.translated_weights_N[rows].tolist())

    @cached_property
    def sentences(self) -> tuple[Tensor, Tensor]:
        """One state of each English phrase (P, E) and of each text (N, E) of `phrases`, fp32, from the encoders side by side."""
        states = torch.from_numpy(self._sentences_cache().load().all()).float().to(self.base.device)
        count = len(self.phrases.english_P)
        return states[:count], states[count:]

    def _sentences_cache(self) -> FeatureCache:
        encoder, given = self.sentence_encoder, [*self.phrases.english_P, *self.phrases.texts_N]
        assert encoder is not None, "the plan reads sentences"
        length, device = self.prompt_rules.positive.length, self.base.device
        readings = [(part.readout, part.prefix) for part in encoder.parts]
        in_bf16 = has_bf16(device)  # More than twice as fast; cosines with the states in fp32 are above .9999.

        def compute(first: int, last: int) -> Rows:
            with torch.autocast(device.type, torch.bfloat16, enabled=in_bf16):
                states_B1E, _ = encoder.encode(given[first:last], length)
            return states_B1E[:, 0].half().cpu().numpy()

        return FeatureCache(
            folder=self.store.folder,
            key=key_of("sentence-states", self.store.encoder_digest, readings, length, in_bf16, given),
            shape=(len(given), encoder.width),
            compute=compute,
            batch_size=64,
            label="sentence states",
            quiet=self.store.quiet,
        )

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
        return MappedRows(self._teacher_cache().load(), self.base.device)

    def _teacher_cache(self) -> FeatureCache:
        english, base = self.english_M, self.base

        def compute(first: int, last: int) -> Rows:
            parts = [part.flatten(1).half() for part in base.read(english[first:last]).tensors()]
            return torch.cat(parts, dim=1).cpu().numpy()

        return FeatureCache(
            folder=self.store.folder,
            key=key_of("readings", self.store.base_digest, base.length, english),
            shape=(len(english), sum(self._teacher_sizes)),
            compute=compute,
            label="base embeddings of English",
            quiet=self.store.quiet,
        )

    @cached_property
    def latent_rows(self) -> Sequence[MappedRows]:
        """Latents of all images, in one part for each bucket; see `ImageLatents.load`."""
        return self.image_latents.load()

    @cached_property
    def image_latents(self) -> ImageLatents:
        """The latents of images; none is computed yet."""
        return ImageLatents(
            self.concept_M, self.base, self.corpus, self.cropping, self.sample_latents,
            folder=self.store.folder, base_digest=self.store.base_digest, quiet=self.store.quiet,
        )  # fmt: skip

    @cached_property
    def captions_MP(self) -> MappedRows:
        """Dual encoder features (M, P) of each meaning in English."""
        return MappedRows(self._captions_cache().load(), self.base.device)

    def _captions_cache(self) -> FeatureCache:
        return self._dual_cache("captions", self.english_M, self.dual.text_features)

    @cached_property
    def images_MP(self) -> MappedRows:
        """Dual encoder features (M, P) of each meaning's image; row 0, the empty text, is zero."""
        return MappedRows(self._images_cache().load(), self.base.device, has_blank=True)

    def _images_cache(self) -> FeatureCache:
        def features(some: Sequence[str]) -> Tensor:
            return self.dual.image_features(self.corpus.images(some))

        return self._dual_cache("images", self.concept_M[1:], features, self.corpus.digest)

    @property
    def dual(self) -> DualEncoder:
        """The dual encoder that computes features: the base, or the `vision` of a phase."""
        base: Any = self.base
        found = base if isinstance(base, DualEncoder) else self.vision
        assert found is not None, "a phase that needs images has an option `vision`"
        return found

    def _dual_cache(
        self, name: str, inputs: Sequence[str], compute: Callable[[Sequence[str]], Tensor], *key: str
    ) -> FeatureCache:
        """Return the cache of features (M, P) of a dual encoder, normalised so that they fit fp16.

        This loses nothing: the layers that use them have no bias and normalise their output.
        """

        def compute_normalised(first: int, last: int) -> Rows:
            return F.normalize(compute(inputs[first:last]), dim=1).half().cpu().numpy()

        return FeatureCache(
            folder=self.store.folder,
            key=key_of(f"dual-encoder-{name}", self.store.vision_digest or self.store.base_digest, *key, inputs),
            shape=(len(inputs), self.dual.width),
            compute=compute_normalised,
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
