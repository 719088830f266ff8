"""Add a small decoder to the frozen multilingual encoder: one transformers model that translates."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM, EncoderDecoderConfig, EncoderDecoderModel

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest


def add_decoder(encoder: TextEncoder, *, layers: int = 2, width: int = 0, dropout: float = 0.1) -> EncoderDecoderModel:
    """Return a frozen copy of the encoder with a random decoder; `width` 0 makes it a third narrower than the encoder.

    Raises `InvalidRequest` for fewer than one layer, or a width that the encoder's heads do not divide.
    """
    read = _copy_with_pooler(encoder.model)
    sizes = read.config.to_dict()
    heads = sizes["num_attention_heads"]
    if layers < 1 or width < 0 or width % heads:
        raise InvalidRequest(
            f"invalid decoder of {layers} layers and width {width}: at least 1 layer, and a width divisible by {heads} heads."
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


def _copy_with_pooler(model: Any) -> Any:
    """Copy a model, adding the pooling layer that `EncoderDecoderModel` expects and never uses, with zero weights."""
    # The dtype is explicit because the config may say that the model is stored in half precision.
    whole: Any = AutoModel.from_config(model.config, dtype=torch.float32)
    own = model.state_dict()
    new = {key: torch.zeros_like(value) for key, value in whole.state_dict().items() if key not in own}
    whole.load_state_dict(own | new)
    return whole.to(model.device).eval()
