"""Translate, then generate: the baseline of every study. English is written from a prompt, and the base reads it.

On the lab the translator is the frozen multilingual encoder with a small decoder that learns to write English names,
as in the first step of mCLIP's encoder (Chen et al., ACL 2023): cross-entropy with label smoothing 0.1, encoder frozen
and its states cached. It is transformers' `EncoderDecoderModel`. For larger bases any translation model of that library
is published the same way: `python -m trainers.translators`.

Shape letters: B batch, L tokens of the encoder, T tokens of a translation, E encoder width, V vocabulary.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, EncoderDecoderConfig, EncoderDecoderModel

from hub.bases.frozen import FrozenBase
from hub.errors import WrongRequest
from hub.loader.translator import ARCHITECTURE, FOLDER
from hub.modules import TextEncoder
from trainers.material import Material
from trainers.method import Draw, Loss
from trainers.plan import Phase, Plan
from trainers.recipe import Recipe
from trainers.sampler import global_generators
from trainers.student import copy_tokenizer

LENGTH = 20
"""Tokens of a text and of its translation: 99 of 100 names of emoji are shorter in any language."""
SMOOTHING = 0.1
"""As mCLIP's first stage has it."""


class Translation:
    """Cross-entropy of each next English token, given the frozen encoder's states of a text and the tokens before."""

    def __init__(self, module: nn.Module, material: Material, *, smoothing: float = SMOOTHING) -> None:
        self.module = module
        self.example_count = len(material.weights_N)
        self.example_weights: Tensor | None = material.weights_N
        self._material = material
        self._smoothing = smoothing
        self._ids_MT, mask_MT = material.encoder.tokenize(list(material.english_M), material.length)
        self._mask_MT = mask_MT.bool()

    def loss(self, draw: Draw) -> Loss:
        """Mean over the tokens of the batch."""
        rows_B = draw.indices_B
        states_BLE, mask_BL = self._material.texts(rows_B)
        device = states_BLE.device
        with global_generators(draw.generator, device):
            return self._written(rows_B, states_BLE, mask_BL)

    def _written(self, rows_B: Tensor, states_BLE: Tensor, mask_BL: Tensor) -> Loss:
        module: Any = self.module
        meaning_B = self._material.meaning_N[rows_B]
        ids_BT, counts_BT = (each[meaning_B].to(states_BLE.device) for each in (self._ids_MT, self._mask_MT))
        longest = int(counts_BT.sum(dim=1).max())
        ids_BT, counts_BT = ids_BT[:, :longest], counts_BT[:, :longest]
        logits_BTV = module.decoder(
            input_ids=ids_BT[:, :-1],
            attention_mask=counts_BT[:, :-1].long(),
            encoder_hidden_states=connected(module, states_BLE),
            encoder_attention_mask=mask_BL.long(),
            use_cache=False,
        ).logits
        loss, accuracy = next_token_loss(logits_BTV, ids_BT, counts_BT, self._smoothing)
        return Loss(loss, {"accuracy": accuracy})


def connected(model: Any, states_BLE: Tensor) -> Tensor:
    """Encoder states as the decoder's cross-attention takes them: brought to its width where that differs."""
    if not hasattr(model, "enc_to_dec_proj"):
        return states_BLE
    states: Tensor = model.enc_to_dec_proj(states_BLE)
    return states


def next_token_loss(logits_BTV: Tensor, ids_BT: Tensor, counts_BT: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Label-smoothed cross-entropy and accuracy of tokens 1… given logits at 0…T-2; pads do not count."""
    counted = counts_BT[:, 1:]
    logits_KV, ids_K = logits_BTV[counted].float(), ids_BT[:, 1:][counted]
    loss = F.cross_entropy(logits_KV, ids_K, label_smoothing=smoothing)
    return loss, (logits_KV.detach().argmax(dim=1) == ids_K).float().mean()


class TranslatorLearner:
    """A frozen copy of the encoder and a decoder that learns, written as one model of transformers."""

    kind = "adapter"
    architecture = ARCHITECTURE
    reads_encoder = False

    def __init__(self, model: nn.Module, encoder: TextEncoder) -> None:
        self.module = model
        self.settings: dict[str, Any] = {"new_tokens": LENGTH, "source": "", "target": ""}
        self._encoder = encoder

    def write(self, variant: Path) -> None:
        """The whole model in half precision, with the encoder's tokenizer."""
        folder = variant / FOLDER
        halved: Any = copy.deepcopy(self.module).half()
        halved.save_pretrained(folder)
        copy_tokenizer(self._encoder, folder)

    def config(self) -> dict[str, Any]:
        """Nothing beside the usual."""
        return {}


def make_learner(base: FrozenBase, encoder: TextEncoder) -> TranslatorLearner:  # noqa: ARG001 - every learner is made alike
    """A decoder of the encoder's own class, a third narrower; its embeddings are its output layer, too."""
    return TranslatorLearner(with_decoder(encoder), encoder)


def with_decoder(encoder: TextEncoder, *, layers: int = 2, width: int = 0, dropout: float = 0.1) -> EncoderDecoderModel:
    """A copy of the encoder, frozen, and a random decoder beside it; of `width` 0 it is a third narrower.

    WrongRequest for a width that the encoder's heads cannot share, and for no layers.
    """
    read = _whole(encoder.model)
    sizes = read.config.to_dict()
    heads = sizes["num_attention_heads"]
    if layers < 1 or width < 0 or width % heads:
        raise WrongRequest(
            f"a decoder of {layers} layers and width {width} cannot be made: {heads} heads share the width."
        )
    width = width or max(heads, sizes["hidden_size"] * 2 // 3 // heads * heads)
    decoder = type(read.config)(
        **sizes
        | {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "is_decoder": True,
            "add_cross_attention": True,
            "hidden_dropout_prob": dropout,
            "attention_probs_dropout_prob": 0.0,
            "tie_word_embeddings": True,
        }
    )
    config = EncoderDecoderConfig.from_encoder_decoder_configs(
        read.config,
        decoder,
        decoder_start_token_id=read.config.bos_token_id,
        bos_token_id=read.config.bos_token_id,
        eos_token_id=read.config.eos_token_id,
        pad_token_id=read.config.pad_token_id,
        tie_word_embeddings=False,
    )
    model = EncoderDecoderModel(
        config=config, encoder=read, decoder=AutoModelForCausalLM.from_config(decoder, dtype=torch.float32)
    )
    for name in ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, name, getattr(config, name))
    model.encoder.requires_grad_(False)
    return model


def _whole(model: Any) -> Any:
    """A copy with the pooling layer that `EncoderDecoderModel` expects of its encoder and never asks, zero if it is new."""
    whole: Any = AutoModel.from_config(
        model.config, dtype=torch.float32
    )  # its own config may say that it is stored in half
    own = model.state_dict()
    new = {key: torch.zeros_like(value) for key, value in whole.state_dict().items() if key not in own}
    whole.load_state_dict(own | new)
    return whole.to(model.device).eval()


RECIPE = Recipe(steps=600, batch_size=96, learning_rate=2e-3, betas=(0.9, 0.98), weight_decay=0.01, warmup_steps=60)
PLAN = Plan(
    name="translate",
    learner=make_learner,
    length=LENGTH,
    phases=(Phase("translate", Translation, RECIPE, needs=("states",)),),
    story="A small decoder learns to write the English name, given the frozen encoder's states of a name.",
    result="a translator into English, which the base reads itself",
    frozen="The base stays as it is; the translator holds a copy of the encoder `{encoder}`",
    draws=False,
)
