"""Encoders that are upstream as pickles alone: refused at load, taken out once by `hub pull`, then read as any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    CLIPImageProcessor,
    MT5Config,
    MT5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

from hub.encoders.text_encoder import TextEncoder
from hub.errors import HubError, InvalidSource
from hub.loader import load_pipeline, load_retriever
from hub.remote.pickled_encoders import pull_pickled
from tests.builders.models.tiny import ENCODER_WIDTH
from tests.builders.upstream.cache import seed
from tests.builders.upstream.pickles import TEXTS, World

SIZES: dict[str, Any] = {
    "d_model": ENCODER_WIDTH, "d_ff": 32, "d_kv": 8, "num_layers": 2, "num_heads": 2, "vocab_size": 64, "dropout_rate": 0.0
}  # fmt: skip
INDEX = "pytorch_model.bin.index.json"


@pytest.fixture
def settings(tmp_path: Path, encoder_folder: Path) -> Path:
    """Further files of a repository beside its weights: currently a tokenizer."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(encoder_folder / name, folder / name)
    return folder


def save(model: Any, folder: Path) -> dict[str, Tensor]:
    """`config.json`, and the state dict as transformers 3 wrote it: whole, copies and all."""
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    state: dict[str, Tensor] = model.state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    return state


def mt5(folder: Path) -> Any:
    torch.manual_seed(3)
    model = MT5ForConditionalGeneration(MT5Config(**SIZES)).eval()
    save(model, folder)
    return model


def module_for(make_module: Callable[..., Path]) -> Path:
    return make_module("mulan-yo", encoder={"name": "linguahub/far-t5", "digest": ""})


def untouched(world: World) -> bool:
    with world.open() as hub:
        return len(hub.registry.revisions("linguahub/far-t5")) == 1 and not list(hub.home.folder.glob(".pull-*"))


def test_loading_names_the_pull_command_and_works_after_it(
    world: World, settings: Path, base_folder: Path, make_module: Callable[..., Path]
) -> None:
    whole = mt5(settings)
    seed(world.cache, "org/t5", settings)
    with world.open() as hub:
        with pytest.raises(InvalidSource) as caught:
            load_pipeline(base_folder, module_for(make_module), hub=hub, device="cpu")
        assert str(caught.value) == (
            "`far-t5` is upstream in org/t5 only as pickles (pytorch_model.bin), which can run code and are never loaded: "
            "`hub pull far-t5` converts them to safetensors."
        )
        assert world.pull("far-t5") == 0
        pipe: Any = load_pipeline(base_folder, module_for(make_module), hub=hub, device="cpu")
        folder = hub.snapshot("far-t5")
        states_BLE, _ = pipe._prompt_encoder._module_cache["mulan-yo"].encoder.encode(TEXTS, 12)
    encoder = TextEncoder.from_folder(folder)
    ids_BL, mask_BL = encoder.tokenize(TEXTS, 12)
    with torch.no_grad():
        expected = whole.get_encoder()(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    assert torch.equal(states_BLE, expected)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"
    }  # fmt: skip


def test_of_several_pickles_those_with_the_half_are_read_and_several_files_written(
    world: World, settings: Path
) -> None:
    torch.manual_seed(4)
    whole = UMT5ForConditionalGeneration(UMT5Config(**SIZES)).eval()
    state = save(whole, settings)
    (settings / "pytorch_model.bin").unlink()
    places = {
        key: f"pytorch_model-0000{1 + key.startswith('encoder.block.1') + 2 * key.startswith(('decoder', 'lm_head'))}-of-00003.bin"
        for key in state
    }
    (settings / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    for file in sorted(set(places.values()))[:2]:  # the decoder's is not even there
        torch.save({key: value for key, value in state.items() if places[key] == file}, settings / file)
    folder = seed(world.cache, "org/t5", settings)
    with world.open() as hub:
        pull_pickled(
            hub.registry.get("far-t5"), hub.snapshot("far-t5"), folder, hub.registry, hub.store, scratch=hub.home.folder, shard=6000
        )  # fmt: skip
        made = hub.snapshot("far-t5")
    assert len(list(made.glob("model-*.safetensors"))) > 1
    encoder = TextEncoder.from_folder(made)
    ids_BL, mask_BL = encoder.tokenize(TEXTS, 12)
    with torch.no_grad():
        expected = whole.get_encoder()(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    assert torch.equal(encoder.encode(TEXTS, 12)[0], expected)
    index = json.loads((made / "model.safetensors.index.json").read_text())
    assert not any(key.startswith(("decoder", "lm_head")) for key in index["weight_map"])


def test_pulling_twice_gives_the_same_revision(world: World, settings: Path) -> None:
    mt5(settings)
    seed(world.cache, "org/t5", settings)
    assert world.pull("far-t5") == world.pull("far-t5") == 0
    with world.open() as hub:
        assert len(hub.registry.revisions("linguahub/far-t5")) == 2


def test_a_file_in_torchs_older_stream_is_read_too(world: World, settings: Path) -> None:
    whole = mt5(settings)
    torch.save(whole.state_dict(), settings / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    seed(world.cache, "org/t5", settings)
    assert world.pull("far-t5") == 0
    with world.open() as hub:
        read = TextEncoder.from_folder(hub.snapshot("far-t5")).model.state_dict()
    assert torch.equal(read["shared.weight"], whole.shared.weight)


class Bomb:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def bomb(folder: Path) -> None:
    torch.save({"shared.weight": Bomb(folder / "ran")}, folder / "pytorch_model.bin")


def cut(folder: Path) -> None:
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-200])


def rob(folder: Path) -> None:
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    del state["encoder.final_layer_norm.weight"]
    torch.save(state, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (bomb, 2, "holds more than tensors, which could run code: nothing was read"),
        (cut, 1, "`pytorch_model.bin` of `far-t5` is damaged"),
        (rob, 2, "`encoder.final_layer_norm.weight` is missing"),
    ],
    ids=["code", "cut", "a tensor less"],
)
def test_a_file_that_cannot_be_read_completely_leaves_nothing_behind(
    world: World,
    settings: Path,
    spoil: Callable[[Path], None],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mt5(settings)
    spoil(settings)
    seed(world.cache, "org/t5", settings)
    assert world.pull("far-t5") == code
    assert message in capsys.readouterr().err
    assert not (settings / "ran").exists()
    assert untouched(world)


def test_an_encoder_of_a_class_that_transformers_does_not_have_is_refused_before_it_is_fetched(
    world: World, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings / "config.json").write_text(json.dumps({"model_type": "M-CLIP"}))
    seed(world.cache, "org/t5", settings)
    assert world.pull("far-t5") == 2
    assert "has the type M-CLIP, which transformers does not support" in capsys.readouterr().err
    assert untouched(world)


def test_a_pickle_that_was_not_fetched_is_one_line(
    world: World, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mt5(settings)
    (seed(world.cache, "org/t5", settings) / "pytorch_model.bin").unlink()
    assert world.pull("far-t5") == 1
    assert "`hf download org/t5 pytorch_model.bin` must work" in capsys.readouterr().err
    assert untouched(world)


def random_altclip() -> AltCLIPModel:
    torch.manual_seed(5)
    small = {"intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_dropout_prob": 0.0}
    text = {**small, "hidden_size": 16, "project_dim": 12, "vocab_size": 64, "max_position_embeddings": 90}
    vision = {**small, "hidden_size": 12, "image_size": 8, "patch_size": 4}
    model = AltCLIPModel(AltCLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "pre_LN" in name:
                value.add_(torch.randn(value.shape))
    return model


def test_both_towers_of_a_dual_encoder_are_kept_for_retrieval(world: World, settings: Path) -> None:
    model = random_altclip()
    model.save_pretrained(settings)
    published = load_file(settings / "model.safetensors")
    (settings / "model.safetensors").unlink()
    published |= {  # as older versions of transformers wrote them
        "text_model.roberta.embeddings.position_ids": torch.arange(90)[None],
        "text_model.roberta.pooler.dense.weight": torch.zeros(16, 16),
    }
    torch.save(published, settings / "pytorch_model.bin")
    CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}).save_pretrained(settings)
    seed(world.cache, "org/t5", settings)
    with world.open() as hub:
        with pytest.raises(HubError, match="hub pull far-t5"):
            load_retriever("far-t5", hub=hub, device="cpu")
        assert world.pull("far-t5") == 0
        retriever = load_retriever("far-t5", hub=hub, device="cpu")
        tokenize = TextEncoder.from_folder(hub.snapshot("far-t5")).tokenize
    ids_NL, mask_NL = tokenize(TEXTS, 77)
    pixels = torch.randint(0, 255, (2, 3, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        texts = model.text_projection(model.text_model(input_ids=ids_NL, attention_mask=mask_NL).pooler_output)
        inputs = CLIPImageProcessor.from_pretrained(settings)(list(pixels), return_tensors="pt").pixel_values
        images = model.visual_projection(model.vision_model(pixel_values=inputs).pooler_output)
    torch.testing.assert_close(retriever.embed_texts(TEXTS), nn.functional.normalize(texts, dim=1))
    torch.testing.assert_close(retriever.embed_images(pixels), nn.functional.normalize(images, dim=1))
