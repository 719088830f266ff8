"""A family knows its pipelines, reads their conditioning from JSON, and adds language to their classes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import diffusers
import pytest
import torch

from hub.bases import Family, conditioning_of, family_of
from hub.bases.families.stable_diffusion import StableDiffusion
from hub.bases.family import families
from hub.bases.frozen import FrozenBase
from hub.bases.language_mixin import LanguageMixin, negatives_of
from hub.conditioning import Conditioning, Stream
from hub.errors import DamagedFile, DoesNotFit, UnknownFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base without any weight."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"cross_attention_dim": 768}))
    return tmp_path


def test_conditioning_is_read_from_configuration_alone(folder: Path) -> None:
    assert conditioning_of(folder) == Conditioning(width=768)
    assert family_of(folder).name == "stable-diffusion"


def test_reading_conditioning_imports_no_tensor_library(folder: Path) -> None:
    script = f"from pathlib import Path; from hub.bases import conditioning_of; conditioning_of(Path({str(folder)!r}))"
    check = "; import sys; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script + check], check=False, timeout=300).returncode == 0


def test_a_folder_that_is_not_a_base_is_refused(folder: Path) -> None:
    (folder / "unet" / "config.json").write_text(json.dumps({"cross_attention_dim": [768, 1024]}))
    with pytest.raises(DamagedFile, match=r"the invalid `cross_attention_dim` \[768, 1024\]"):
        conditioning_of(folder)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "NoPipeline"}))
    with pytest.raises(
        DoesNotFit,
        match="`NoPipeline`, which does not support language modules; supported families: allegro, altdiffusion, .*A family is a file",
    ):
        conditioning_of(folder)
    (folder / "model_index.json").write_text("[")
    with pytest.raises(DamagedFile, match="is not a JSON file"):
        conditioning_of(folder)
    (folder / "model_index.json").unlink()
    with pytest.raises(UnknownFile, match=r"model_index\.json"):
        conditioning_of(folder)


CLASSES = [(family, name) for family in families() for name in family.pipeline_classes]


@pytest.mark.parametrize(("family", "name"), CLASSES, ids=[name for _, name in CLASSES])
def test_every_pipeline_of_a_family_calls_encode_prompt_in_the_same_way(
    family: Family, name: str, tmp_path: Path
) -> None:
    made = family.with_language(getattr(diffusers, name))
    theirs = inspect.signature(getattr(diffusers, name).encode_prompt).parameters
    ours = dict(inspect.signature(made.encode_prompt).parameters)
    assert ours.pop("language").default is None
    assert ours == dict(theirs)
    # What the mixin reads and writes by name.
    assert {"prompt", *(made.arguments[each] for each in made.gives if each in made.arguments)} <= ours.keys()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    assert type(family_of(tmp_path)) is type(family)


def test_a_base_that_plans_its_image_before_encoding_prompts_is_refused_with_the_reason(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "GlmImagePipeline"}))
    with pytest.raises(
        DoesNotFit, match="does not support language modules \\(a language model writes the image's tokens"
    ):
        conditioning_of(folder)


def test_layers_and_further_streams_are_read_from_configuration(tmp_path: Path) -> None:
    def conditioning(pipeline: str, **configs: object) -> Conditioning:
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
        for name, config in configs.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "config.json").write_text(json.dumps(config))
        return conditioning_of(tmp_path)

    layers = [*range(32), *[31] * 16]
    hidream = {"caption_channels": [4096, 4096], "text_emb_dim": 2048, "llama_layers": layers}
    llama = Stream(name="llama", width=4096, layers=32)
    assert conditioning("HiDreamImagePipeline", transformer=hidream) == Conditioning(
        width=4096, pooled_width=2048, streams=(llama,)
    )
    with pytest.raises(DamagedFile, match=r"the invalid `caption_channels\.1` None"):
        conditioning("HiDreamImagePipeline", transformer=hidream | {"caption_channels": [4096]})
    fibo = {"transformer": {"text_encoder_dim": 2048}, "text_encoder": {"num_hidden_layers": 36}}
    assert conditioning("BriaFiboPipeline", **fibo) == Conditioning(width=2048, layers=37, mask=True)
    fibo_2 = {"cap_feat_dim": 7680, "injection_layer_ids": [6, 14, 22, 30, 38]}
    assert conditioning("BriaFibo2Pipeline", transformer=fibo_2) == Conditioning(width=7680, layers=6, mask=True)
    hunyuan = {"text_embed_dim": 3584, "text_embed_2_dim": 1472}
    glyphs = Stream(name="glyphs", width=1472, length=128, mask=True, optional=True)
    assert conditioning("HunyuanImagePipeline", transformer=hunyuan) == Conditioning(
        width=3584, mask=True, streams=(glyphs,)
    )


def test_a_module_with_fewer_tokens_fits_where_a_mask_tells_padding() -> None:
    masked, plain = Conditioning(width=16, length=77, mask=True), Conditioning(width=16, length=77)
    assert masked.accepts(Conditioning(width=16, length=20, mask=True))
    assert not masked.accepts(Conditioning(width=16, length=100, mask=True))
    assert not masked.accepts(Conditioning(width=16, mask=True))
    assert not plain.accepts(Conditioning(width=16, length=20))


def test_finding_a_family_imports_its_file_alone(folder: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from hub.bases import family_of
assert family_of(Path({str(folder)!r})).name == "stable-diffusion"
sys.exit("hub.bases.families.flux" in sys.modules or "hub.bases.families.stable_diffusion_xl" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0


def test_training_refuses_a_base_of_a_family_without_training_support(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "KolorsPipeline"}))
    with pytest.raises(
        DoesNotFit, match="is a KolorsPipeline, but training only supports bases of class AuraFlowPipeline, Chroma"
    ):
        FrozenBase.open(tmp_path, torch.device("cpu"))


def test_a_class_with_language_is_made_once_and_keeps_its_name() -> None:
    family = StableDiffusion()
    made = family.with_language(diffusers.StableDiffusionPipeline)
    assert made is family.with_language(diffusers.StableDiffusionPipeline)
    assert family.with_language(made) is made
    assert issubclass(made, LanguageMixin)
    assert issubclass(made, diffusers.StableDiffusionPipeline)
    assert (made.__name__, made.__module__) == ("StableDiffusionPipeline", diffusers.StableDiffusionPipeline.__module__)
    assert inspect.signature(made.__init__) == inspect.signature(diffusers.StableDiffusionPipeline.__init__)


def test_negative_prompts_follow_the_rules_of_diffusers() -> None:
    assert negatives_of("a", None) == ("",)
    assert negatives_of(["a", "b"], None) == ("", "")
    assert negatives_of("a", "b") == ("b",)
    assert negatives_of(["a", "b"], ["c", "d"]) == ("c", "d")
    with pytest.raises(TypeError, match="should be a list like `prompt`, not str"):
        negatives_of(["a"], "b")
    assert negatives_of(["a", "b"], "c", is_shared=True) == ("c", "c")
    with pytest.raises(ValueError, match="has length 1 and `prompt` 2"):
        negatives_of(["a", "b"], ["c"])


def test_pixarts_conditioning_is_that_behind_its_caption_projection(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "PixArtAlphaPipeline"}))
    config = {"num_attention_heads": 16, "attention_head_dim": 72, "caption_channels": 4096}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(config))
    assert conditioning_of(tmp_path) == Conditioning(width=1152, mask=True)
    (tmp_path / "transformer" / "config.json").write_text("{}")
    with pytest.raises(DamagedFile, match="lacks a width"):
        conditioning_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("StableDiffusion3Pipeline", {"joint_attention_dim": 4096, "pooled_projection_dim": 2048}, Conditioning(width=4096, pooled_width=2048)),
        ("FluxPipeline", {"joint_attention_dim": 4096, "pooled_projection_dim": 768}, Conditioning(width=4096, pooled_width=768)),
        ("SanaPipeline", {"caption_channels": 2304}, Conditioning(width=2304, mask=True)),
    ],
)  # fmt: skip
def test_the_conditioning_of_transformers_is_read_from_their_configuration(
    tmp_path: Path, name: str, config: dict[str, int], expected: Conditioning
) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(config))
    assert conditioning_of(tmp_path) == expected
    (tmp_path / "transformer" / "config.json").write_text("{}")
    with pytest.raises(DamagedFile, match="the invalid `"):
        conditioning_of(tmp_path)


def test_cogvideox_takes_a_fixed_number_of_tokens_where_it_adds_positions_to_them(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "CogVideoXPipeline"}))
    config = {"text_embed_dim": 4096, "max_text_seq_length": 226, "use_rotary_positional_embeddings": False}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(config))
    assert conditioning_of(tmp_path) == Conditioning(width=4096, length=226)
    (tmp_path / "transformer" / "config.json").write_text(
        json.dumps(config | {"use_rotary_positional_embeddings": True})
    )
    assert conditioning_of(tmp_path) == Conditioning(width=4096)
