"""Small bases whose text encoders are large language models that no other family has: Kolors, FLUX.2 dev and CogView4."""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from diffusers import (
    CogView4Pipeline,
    CogView4Transformer2DModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2Pipeline,
    KolorsPipeline,
    UNet2DConditionModel,
)
from transformers import GlmConfig, GlmModel, Mistral3Config, Mistral3ForConditionalGeneration

from tests.builders.models.bases.joint_attention import SQUARE, flux2_autoencoder, flux2_transformer, img2img
from tests.builders.models.bases.parts import (
    LETTERS,
    WIDTH,
    autoencoder,
    image,
    mistral3_config,
    qwen_tokenizer,
    randomise,
    t5_tokenizer,
)
from tests.builders.models.bases.small import Small


def kolors() -> KolorsPipeline:
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel

    config = ChatGLMConfig(
        num_layers=2, padded_vocab_size=80, hidden_size=WIDTH, ffn_hidden_size=16, kv_channels=8, num_attention_heads=2,
        seq_length=300, multi_query_attention=True, multi_query_group_num=1, add_qkv_bias=True, original_rope=True,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(4, 8), layers_per_block=1, cross_attention_dim=8, norm_num_groups=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTH + 6 * 8, encoder_hid_dim=WIDTH, encoder_hid_dim_type="text_proj",
    )  # fmt: skip
    return KolorsPipeline(
        vae=autoencoder(), text_encoder=randomise(ChatGLMModel(config), every=True).eval(), tokenizer=chatglm_tokenizer(), unet=unet,
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading"),
    )  # fmt: skip


def chatglm_tokenizer() -> Any:
    """Return a tokenizer of letters. Its class reads and copies a file, which is deleted with it."""
    from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(LETTERS)] * 4), model_writer=written, vocab_size=40, model_type="char",
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp())
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    tokenizer = ChatGLMTokenizer(str(folder / "tokenizer.model"))
    weakref.finalize(tokenizer, shutil.rmtree, folder)
    return tokenizer


def flux2() -> Flux2Pipeline:
    encoder = Mistral3ForConditionalGeneration(Mistral3Config(**mistral3_config())).eval()
    return Flux2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=flux2_autoencoder(), text_encoder=encoder, tokenizer=qwen_tokenizer(),
        transformer=flux2_transformer(WIDTH, guided=True),
    )  # fmt: skip


def cogview4() -> CogView4Pipeline:
    transformer = CogView4Transformer2DModel(
        patch_size=2, in_channels=4, num_layers=2, attention_head_dim=4, num_attention_heads=4, out_channels=4,
        text_embed_dim=WIDTH, time_embed_dim=8, condition_dim=4,
    )  # fmt: skip
    config = GlmConfig(
        vocab_size=160, hidden_size=WIDTH, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, pad_token_id=0,
    )  # fmt: skip
    scheduler = FlowMatchEulerDiscreteScheduler(
        base_shift=0.25, max_shift=0.75, use_dynamic_shifting=True, time_shift_type="linear"
    )
    return CogView4Pipeline(
        tokenizer=t5_tokenizer(), text_encoder=GlmModel(config).eval(), vae=autoencoder(), transformer=transformer,
        scheduler=scheduler,
    )  # fmt: skip


def cogview4_control(pipe: Any) -> Any:
    """Return the route to the class whose transformer reads a control image beside the latents."""
    config = {**pipe.transformer.config, "in_channels": 2 * pipe.transformer.config.in_channels}
    parts = {"transformer": CogView4Transformer2DModel.from_config(config)}
    return "CogView4ControlPipeline", parts, {"control_image": image()}


def kolors_pag(_: Any) -> Any:
    """Return the route to perturbed attention guidance."""
    return "KolorsPAGPipeline", {"pag_applied_layers": ["mid"]}, {"pag_scale": 2.0}


SMALL = {
    "kolors": Small(
        make=kolors,
        call=SQUARE,
        routes={"img2img": img2img("KolorsImg2ImgPipeline", height=None, width=None), "PAG": kolors_pag},
    ),
    "flux2": Small(
        make=flux2,
        # One layer in place of 10, 20 and 30, so that the text encoder is small.
        call=SQUARE | {"text_encoder_out_layers": (1,)},
        guided=None,
        routes={"edit": lambda _: ("Flux2Pipeline", {}, {"image": image(64)})},
    ),
    "cogview4": Small(make=cogview4, call=SQUARE, routes={"control": cogview4_control}),
}
