"""A small decoder beside the frozen multilingual encoder, as one model of transformers that translates."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM, EncoderDecoderConfig, EncoderDecoderModel

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest


def with_decoder(encoder: TextEncoder, *, layers: int = 2, width: int = 0, dropout: float = 0.1) -> EncoderDecoderModel:
    """A copy of the encoder, frozen, and a random decoder beside it; of `width` 0 it is a third narrower.

    InvalidRequest for a width that the encoder's heads cannot share, and for no layers.
    """
    read = _whole(encoder.model)
    sizes = read.config.to_dict()
    heads = sizes["num_attention_heads"]
    if layers < 1 or width < 0 or width % heads:
        raise InvalidRequest(
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
