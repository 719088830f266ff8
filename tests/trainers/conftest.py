"""Tiny random models of the real classes, and a corpus of a dozen things in three languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from hub.bases.frozen import FrozenBase
from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.encoders.text_encoder import TextEncoder
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.models.originals import save_original, save_qllama
from tests.builders.training.toy import WORDS, ToyCorpus, complete, tiny_clip
from trainers.evaluation.generation import GenerationEvaluator
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.samples import generate_samples


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def installed(
    tmp_path_factory: pytest.TempPathFactory, base_folder: Path, encoder_folder: Path, judge_folder: Path
) -> Path:
    """`home` and `cards` of an installation with a tiny base, encoder and judge, to copy: publishing takes half a second."""
    root = tmp_path_factory.mktemp("installed")
    (root / "cards").mkdir()
    with LocalHub.open(Home(root / "home" / "registry.db", root / "home", root / "cards")) as hub:
        for folder, kind, name in (
            (base_folder, "base", "tiny-sd"), (encoder_folder, "encoder", "tiny-xlmr"), (judge_folder, "encoder", "emoji-judge"),
        ):  # fmt: skip
            copy = root / "published" / name
            shutil.copytree(folder, copy)
            conditioning = Conditioning(width=16) if kind == "base" else None
            card = Card(
                kind=kind,
                summary=f"A tiny {kind}.",
                license="Apache-2.0",
                languages=("en",),
                conditioning=conditioning,
                prose=f"# {name}",
            )
            write_card(card, copy)
            publish(copy, ArtifactName("linguahub", name), hub.registry, hub.store)
    return root


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: Path) -> Iterator[LocalHub]:
    """A separate installation with a tiny base, encoder and judge."""
    complete(installed, tmp_path, monkeypatch)
    with LocalHub.open() as hub:
        yield hub


@pytest.fixture
def few_denoising_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw sample images and images for scores in 4 denoising steps instead of 20, where only their other settings matter."""
    monkeypatch.setattr(GenerationEvaluator, "steps", 4)
    monkeypatch.setattr(generate_samples, "STEPS", 4)


@pytest.fixture(scope="session")
def corpus() -> ToyCorpus:
    return ToyCorpus()


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `StableDiffusionPipeline`: 32 px, 8 × 8 × 4 latents, v-prediction, zero terminal SNR."""
    folder = tmp_path_factory.mktemp("bases") / "tiny-sd"
    clip, tokenizer = tiny_clip(1)
    text = CLIPTextModel(clip.config.text_config)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
        cross_attention_dim=16, attention_head_dim=2, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3, block_out_channels=(4, 4, 8),
        layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=32, scaling_factor=1.0,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False
    )
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `XLMRobertaModel` with a tokenizer of every word in the corpus."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-xlmr"
    texts = [*WORDS, *(text for pair in WORDS.values() for text in pair)]
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *dict.fromkeys(texts)]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(2)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=34, pad_token_id=1,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def qllama_folder(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Path:
    """A tiny encoder of another kind."""
    return save_qllama(tmp_path_factory.mktemp("encoders") / "tiny-qllama", encoder_folder)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Callable[[str], Path]:
    """A tiny base shaped like `sd15`, `sd21`, `sdxl` or `pixart`; each is made once."""
    place = tmp_path_factory.mktemp("originals")

    def of(name: str) -> Path:
        return place / name if (place / name).exists() else save_original(name, place / name, base_folder / "tokenizer")

    return of


@pytest.fixture(scope="session")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges") / "tiny-judge"
    clip, tokenizer = tiny_clip(9)
    clip.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_mean=half, image_std=half
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base(base_folder: Path) -> FrozenBase:
    return FrozenBase.open(base_folder, torch.device("cpu"))


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> TextEncoder:
    return TextEncoder.from_folder(encoder_folder, dtype=torch.float32)


@pytest.fixture(scope="session")
def features(
    corpus: ToyCorpus, base: FrozenBase, encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory
) -> FeatureDataset:
    return collect_features(
        corpus, Mixture(("yo", "sw"), english_share=0.3), base, encoder, length=8,
        store=Store(tmp_path_factory.mktemp("caches"), "b", "e", quiet=True),
    )  # fmt: skip
