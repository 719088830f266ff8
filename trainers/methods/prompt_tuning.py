"""Prompt tuning (Lester et al., EMNLP 2021, arXiv 2104.08691): a few virtual tokens before every prompt are trained, and the
base's own text encoder, which encodes them, is frozen.

peft's `PromptEmbedding` is passed to models as input embeddings, which the CLIP text encoder of transformers does not
accept. It does accept new rows of its embedding table, so the tokens are published as a textual inversion of diffusers:
one new word of the tokenizer that stands for all of them. They follow the begin token, which the tokenizer puts first;
Lester et al. put them before everything.

Every virtual token replaces one token of the text, so there should be few: longer prompts are truncated.

Shape letters: B batch, V virtual tokens, S tokens of the base, C width of its embeddings.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.patches.patches import EMBEDDINGS
from trainers.inputs.features import FeatureDataset
from trainers.learners.text_reader import Part, TextReader, text
from trainers.loop.recipe import Recipe
from trainers.objectives.reader_tuning import DenoiserTuning, TeacherLearning
from trainers.objectives.token_distillation import STORY
from trainers.recipes.plan import READER_TEXTS, READER_THROUGH_DENOISER, Phase, Plan

TOKENS = 4
"""Virtual tokens before every prompt."""


class VirtualPrompt(TextReader):
    """Embeddings of V virtual tokens before those of the text."""

    def __init__(self, base: FrozenBase, count: int) -> None:
        """Initialise with embeddings of random vocabulary entries, which work well in Lester et al.

        Raises `DoesNotFit` if the tokens leave no room for a prompt.
        """
        super().__init__()
        if not 0 < count < base.length - 2:
            raise DoesNotFit(f"{count} virtual tokens leave no room for a prompt: the base has {base.length} tokens.")
        self.text_encoder = copy.deepcopy(base.text_encoder)
        table_NC = self.text_encoder.get_input_embeddings().weight
        self.prompt_VC = nn.Parameter(table_NC[torch.randperm(len(table_NC))[:count]].detach().clone())

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
        """Return the text encoder's states, tokens (B, S, C), of the texts `rows_B` (B,)."""
        count = len(self.prompt_VC)
        short = features.base.length - count
        ids_BS = features.base.tokenize([features.texts_N[row] for row in rows_B.tolist()], short)
        placeholders_BV = ids_BS[:, :1].expand(-1, count)  # Any token will do: its embedding is replaced.
        ids_BS = torch.cat([ids_BS[:, :1], placeholders_BV, ids_BS[:, 1:]], dim=1)
        with self._insert_tokens():
            states_BSC: Tensor = self.text_encoder(ids_BS.to(features.base.device)).last_hidden_state
        return Embeddings(states_BSC)

    def text_parts(self) -> list[Part]:
        """Return the virtual tokens."""
        return [self.prompt_VC]

    @contextmanager
    def _insert_tokens(self) -> Iterator[None]:
        """Replace embeddings 1 to V with the virtual tokens."""

        def put(_table: nn.Module, _inputs: Any, embeddings_BSC: Tensor) -> Tensor:
            prompt_BVC = self.prompt_VC.to(embeddings_BSC.dtype).expand(len(embeddings_BSC), -1, -1)
            return torch.cat([embeddings_BSC[:, :1], prompt_BVC, embeddings_BSC[:, 1 + len(self.prompt_VC) :]], dim=1)

        hook = self.text_encoder.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            hook.remove()


class VirtualPromptLearner:
    """A learner that writes the virtual tokens as a textual inversion of diffusers."""

    kind = "adapter"
    architecture = "prompt-tuning"
    uses_encoder = False

    def __init__(self, prompt: VirtualPrompt, length: int) -> None:
        self.module: nn.Module = prompt
        self.settings: dict[str, Any] = {"tokens": len(prompt.prompt_VC)}
        self._prompt = prompt
        self._length = length

    def write(self, variant: Path) -> None:
        """Write one tensor (V, C) in half precision under the word that stands for it."""
        save_file({self._word: self._halved}, variant / EMBEDDINGS)

    def config(self) -> dict[str, Any]:
        """Return the prompt rules, which put the word before every prompt."""
        rule = {"prefix": f"{self._word} ", "drop": [], "length": self._length}
        return {"prompt": {**rule, "negative": rule, "empty": "encode"}}

    @property
    def _halved(self) -> Tensor:
        return self._prompt.prompt_VC.detach().cpu().half().contiguous()

    @property
    def _word(self) -> str:
        """A word named after the content, so that two of them can be loaded at once."""
        return f"<prompt-{hashlib.sha256(self._halved.numpy().tobytes()).hexdigest()[:10]}>"


def make_learner(base: FrozenBase, encoder: TextEncoder) -> VirtualPromptLearner:  # noqa: ARG001 - all learners have the same signature
    """Create a learner of `TOKENS` virtual tokens."""
    return VirtualPromptLearner(VirtualPrompt(base, TOKENS), base.length)


DISTIL = Recipe(steps=1000, batch_size=64, learning_rate=1e-2, warmup_steps=100, weight_decay=0.0, ema_decay=0.99)
RECIPE = Recipe(steps=100, batch_size=64, learning_rate=1e-3, warmup_steps=10, weight_decay=0.0, ema_decay=0.95)
PLAN = Plan(
    name="prompt-tuning",
    learner=make_learner,
    length=None,
    requires=("takes_words", "whose text encoder takes new words"),
    phases=(
        Phase("distil", partial(TeacherLearning, match="token"), DISTIL, needs=READER_TEXTS, description=STORY),
        Phase(
            "denoise",
            partial(DenoiserTuning, trainable=text, empty_share=0.1),
            RECIPE,
            needs=READER_THROUGH_DENOISER,
            description="the base's own denoising loss",
        ),
    ),
    description=(
        "Four virtual tokens stand before every prompt, encoded by the base's own text encoder. They replace four of the "
        "prompt's own tokens, and the base's byte-level tokenizer needs several tokens per letter for scripts it was not "
        "trained on; longer prompts are truncated."
    ),
    summary="virtual tokens before every prompt, without a multilingual encoder",
    frozen="All weights of the base are frozen; plain diffusers loads the tokens with `load_textual_inversion`",
)
