"""AltCLIP's text tower has three readouts, and each of AltDiffusion's denoisers was trained on one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import (
    RobertaSeriesConfig,
    RobertaSeriesModelWithTransformation,
)
from torch import Tensor
from transformers import AltCLIPConfig, AltCLIPModel

from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.encoders.text_half import half_of
from hub.systems.altdiffusion.linear_head import Transformation
from tests.builders.models.tiny import make_encoder

HIDDEN, PROJECT, LENGTH = 16, 12, 10
TEXTS = ["aja eye", "", "ologbo ile"]
SMALL: dict[str, Any] = {"intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2}


class Tower(NamedTuple):
    """AltCLIP on disk, and in memory as a whole."""

    folder: Path
    model: AltCLIPModel


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Tower:
    folder = make_encoder(tmp_path_factory.mktemp("altclip") / "altclip", seed=1)
    (folder / "model.safetensors").unlink()
    text = {**SMALL, "hidden_size": HIDDEN, "project_dim": PROJECT, "vocab_size": 64, "max_position_embeddings": 514}
    vision = {**SMALL, "hidden_size": 12, "image_size": 8, "patch_size": 4}
    torch.manual_seed(0)
    model = AltCLIPModel(AltCLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()
    with torch.no_grad():
        for value in model.text_model.pre_LN.parameters():
            value.add_(torch.randn(value.shape))  # else it would be hard to tell whether it is applied
        for value in model.text_model.transformation.parameters():
            value.normal_()
    model.save_pretrained(folder)
    return Tower(folder, model)


def series(tower: Tower, *, has_pre_transformation: bool) -> RobertaSeriesModelWithTransformation:
    """AltDiffusion's own text encoder with the tower's weights: m2's and m9's, or m18's."""
    torch.manual_seed(1)
    config = RobertaSeriesConfig(
        **SMALL, hidden_size=HIDDEN, project_dim=PROJECT, vocab_size=64, max_position_embeddings=514, type_vocab_size=1,
        layer_norm_eps=tower.model.config.text_config.layer_norm_eps, has_pre_transformation=has_pre_transformation,
    )  # fmt: skip
    made = RobertaSeriesModelWithTransformation(config).eval()
    ours = {key.replace(".layers.", ".layer."): value for key, value in tower.model.text_model.state_dict().items()}
    found = made.state_dict()
    for key in ours.keys() & found.keys():
        found[key] = ours[key]
    assert ours.keys() - found.keys() <= {"pre_LN.weight", "pre_LN.bias"}
    made.load_state_dict(found)
    return made


def states_of(tower: Tower, readout: str) -> tuple[TextEncoder, Tensor, Tensor, Tensor]:
    encoder = TextEncoder.from_folder(tower.folder, readout=readout)
    ids_BL, mask_BL = encoder.tokenize(TEXTS, LENGTH)
    return encoder, encoder.encode(TEXTS, LENGTH)[0], ids_BL, mask_BL


def mapped(linear: Any, norm: Any, states_BLE: Tensor) -> Tensor:
    """Our module with these layers' weights."""
    module = Transformation(HIDDEN, PROJECT, norm=norm is not None)
    with torch.no_grad():
        module.transformation.load_state_dict(linear.state_dict())
        if norm is not None:
            assert module.pre_LN is not None
            module.pre_LN.load_state_dict(norm.state_dict())
        return module(states_BLE).tokens_BLC


def test_the_text_tower_alone_is_read_and_gives_what_transformers_gives(tower: Tower) -> None:
    encoder, states_BLE, ids_BL, mask_BL = states_of(tower, "last_hidden_state")
    with torch.no_grad():
        raw_BLE = tower.model.text_model.roberta(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        part = tower.model.text_model
        mean, spread = raw_BLE.mean(-1, keepdim=True), raw_BLE.var(-1, unbiased=False, keepdim=True)
        normed_BLE = (raw_BLE - mean) / (spread + part.pre_LN.eps).sqrt() * part.pre_LN.weight + part.pre_LN.bias
        expected = normed_BLE @ part.transformation.weight.T + part.transformation.bias
    torch.testing.assert_close(states_BLE, expected)
    assert not any(key.startswith("vision") for key in encoder.model.state_dict())
    assert half_of(json.loads((tower.folder / "config.json").read_text())) is not None


def test_m2_and_m9_read_the_last_states_mapped_and_not_normalised(tower: Tower) -> None:
    _, states_BLE, ids_BL, mask_BL = states_of(tower, "hidden_states[-1]")
    original = series(tower, has_pre_transformation=False)
    with torch.no_grad():
        expected = original(input_ids=ids_BL, attention_mask=mask_BL).projection_state
    torch.testing.assert_close(mapped(original.transformation, None, states_BLE), expected)
    _, own_BLE, _, _ = states_of(tower, "last_hidden_state")
    assert (own_BLE - expected).abs().mean() > 0.1  # feeding the tower's own answer to their denoisers would be wrong


def test_m18_reads_the_states_before_the_last_layer_normalised_and_mapped_by_its_own_head(tower: Tower) -> None:
    _, states_BLE, ids_BL, mask_BL = states_of(tower, "hidden_states[-2]")
    original = series(tower, has_pre_transformation=True)
    with torch.no_grad():
        expected = original(input_ids=ids_BL, attention_mask=mask_BL).projection_state
    torch.testing.assert_close(mapped(original.transformation_pre, original.pre_LN, states_BLE), expected)


@pytest.mark.parametrize(
    ("readout", "width"),
    [("last_hidden_state", PROJECT), ("pooler_output", PROJECT), ("mean", PROJECT), ("hidden_states[-1]", HIDDEN), ("hidden_states[-2]", HIDDEN)],
)  # fmt: skip
def test_the_width_is_that_of_the_states_which_are_read(tower: Tower, readout: str, width: int) -> None:
    encoder, states_BLE, _, _ = states_of(tower, readout)
    assert encoder.width == states_BLE.shape[-1] == width
    assert encoder.with_readout("hidden_states[-1]").width == HIDDEN


def test_for_retrieval_texts_are_cut_at_clips_window(tower: Tower) -> None:
    dual = DualEncoder(tower.model, TextEncoder.from_folder(tower.folder).tokenize, None)
    long = " ".join(["aja"] * 600)
    ids_BL, mask_BL = dual.tokenize([long], 77)
    with torch.no_grad():
        expected = tower.model.get_text_features(ids_BL, attention_mask=mask_BL).pooler_output
    torch.testing.assert_close(dual.text_features([long]), expected)
