"""Small text encoders, tokenizers and autoencoders that several families share."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    GemmaTokenizer,
    LlamaConfig,
    LlamaModel,
    LlamaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.builders.models.tiny import clip_tokenizer

SIDE = 32
"""Side of an image in pixels."""
WIDTH = 16
"""Width of language models."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{{ part['text'] if part['type'] == 'text' else '' }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template of the form that Qwen's tokenizers have."""


def image(side: int = SIDE) -> Image.Image:
    """Return an input image."""
    return Image.effect_mandelbrot((side, side), (-2, -1, 1, 1), 30).convert("RGB")


def frames(count: int, side: int = SIDE) -> list[Image.Image]:
    """Return an input video."""
    return [image(side)] * count


def clip_images(width: int) -> dict[str, Any]:
    """Return a small CLIP that reads images, as components."""
    config = CLIPVisionConfig(
        hidden_size=width, projection_dim=width, num_hidden_layers=2, num_attention_heads=2, image_size=4, intermediate_size=16,
        patch_size=1,
    )  # fmt: skip
    encoder = CLIPVisionModelWithProjection(config).eval()
    return {"image_encoder": encoder, "image_processor": CLIPImageProcessorPil(crop_size=4, size=4)}


def white_mask() -> Image.Image:
    """Return a mask that covers the image."""
    return Image.new("L", (SIDE, SIDE), 255)


def autoencoder(channels: int = 4, halvings: int = 1, **more: Any) -> AutoencoderKL:
    """Return an autoencoder that halves the sides once, or more often."""
    blocks = halvings + 1
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(4,) * blocks,
        layers_per_block=1, latent_channels=channels, norm_num_groups=4, sample_size=SIDE,
        **{"shift_factor": 0.06, "scaling_factor": 1.5, **more},
    )  # fmt: skip


def siglip(width: int) -> dict[str, Any]:
    """Return a small SigLIP that reads images, as components."""
    config = SiglipVisionConfig(
        hidden_size=width, num_hidden_layers=1, num_attention_heads=2, image_size=8, intermediate_size=16, patch_size=4
    )
    sizes = {"height": 8, "width": 8}
    return {"image_encoder": SiglipVisionModel(config).eval(), "feature_extractor": SiglipImageProcessorPil(size=sizes)}


def clip_text(width: int, suffix: str = "", made: type[Any] = CLIPTextModel, length: int = 77) -> dict[str, Any]:
    """Return a small CLIP that reads texts, as components `text_encoder` and `tokenizer` with a suffix."""
    tokenizer = clip_tokenizer()
    tokenizer.model_max_length = length
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=length, projection_dim=width, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return {f"text_encoder{suffix}": made(config).eval(), f"tokenizer{suffix}": tokenizer}


def llama() -> LlamaModel:
    """Return a small Llama."""
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        pad_token_id=0,
    )
    return LlamaModel(config).eval()


def llama_tokenizer() -> LlamaTokenizer:
    """Return a tokenizer of letters and bytes."""
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = ["<pad>", "<s>", "</s>", "<unk>", *letters, "▁", *LETTERS]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    return LlamaTokenizer(vocab=vocabulary, merges=[], pad_token="<pad>")


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Return a byte-level tokenizer with a chat template."""
    from tokenizers.pre_tokenizers import ByteLevel

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
    pieces = [*sorted(ByteLevel.alphabet()), *special]
    tokenizer = Qwen2Tokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.chat_template = CHAT
    return tokenizer


def qwen3(*, layers: int = 2, heads: int = 2, causal: bool = False, width: int = WIDTH) -> Any:
    """Return a small Qwen3."""
    config = Qwen3Config(
        vocab_size=300, hidden_size=width, intermediate_size=16, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=heads, head_dim=8, max_position_embeddings=4096,
    )  # fmt: skip
    return (Qwen3ForCausalLM if causal else Qwen3Model)(config).eval()


def qwen25_vl(layers: int = 2) -> Qwen2_5_VLForConditionalGeneration:
    """Return a small Qwen2.5-VL."""
    text = {
        "vocab_size": 300, "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": layers, "num_attention_heads": 2,
        "num_key_value_heads": 2, "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }  # fmt: skip
    vision = {
        "depth": 1, "hidden_size": WIDTH, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH, "patch_size": 16,
    }  # fmt: skip
    ids = {"image_token_id": 261, "vision_start_token_id": 259, "vision_end_token_id": 260, "video_token_id": 299}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)).eval()


def mistral3_config(layers: int = 1) -> dict[str, Any]:
    """Return the arguments of a `Mistral3Config`."""
    text = {
        "model_type": "mistral", "vocab_size": 300, "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": layers,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 1024,
    }  # fmt: skip
    vision = {
        "model_type": "pixtral", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 12, "patch_size": 6,
    }  # fmt: skip
    return {"text_config": text, "vision_config": vision}


def t5_tokenizer(length: int = 16) -> T5Tokenizer:
    """Return a tokenizer of letters."""
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return T5Tokenizer(vocab=words, model_max_length=length)


def t5(width: int = WIDTH, vocabulary: int = 160) -> T5EncoderModel:
    """Return a small T5."""
    config = T5Config(vocab_size=vocabulary, d_model=width, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    return T5EncoderModel(config).eval()


def gemma_tokenizer() -> GemmaTokenizer:
    """Return a tokenizer of letters and bytes."""
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", *letters, "▁", *LETTERS]
    tokenizer = GemmaTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])
    tokenizer.add_bos_token = True  # as published ones do, so that empty texts have a token
    return tokenizer


def randomise(part: torch.nn.Module, *, every: bool = False) -> Any:
    """Fill parameters that a class leaves empty or at zero, or `every` one, so that images depend on prompts."""
    for parameter in part.parameters():
        if every or parameter.dim() == 1 or not parameter.any() or not torch.isfinite(parameter).all():
            torch.nn.init.normal_(parameter, std=0.2)
        if parameter.dim() == 1:
            parameter.data.add_(0.5)
    return part
