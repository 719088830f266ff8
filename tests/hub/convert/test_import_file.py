"""Published state dicts become variants that the module classes take, or are refused in one line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hub.cards import read_variant
from hub.convert import convert
from hub.convert.formats import recognise
from hub.errors import DamagedFile, InvalidSource, WeightsDoNotFit
from hub.systems.architectures import build
from hub.systems.pea.format import PEA
from hub.weights.strict import load_weights
from tests.builders.models.published_files import pea

RESAMPLER = {"in_width": 24, "out_width": 16, "queries": 5, "heads": 8, "encoder_layers": 1, "decoder_layers": 1}
PROJECTOR = {"in_width": 12, "out_width": 32, "hidden_width": 20, "linears": 4, "pooled_width": 16}


def published(
    folder: Path, architecture: str, module: dict[str, int], name: str = "weights.pth"
) -> tuple[Path, dict[str, torch.Tensor]]:
    weights = build(architecture, module).state_dict()
    torch.save(weights, folder / name)
    return folder / name, weights


def converted(
    source: Path, folder: Path, base: str = "linguahub/sd15", encoder: str = "org/encoder"
) -> dict[str, object]:
    convert(source, folder, what="linguahub/published", base=base, encoder=encoder, languages=("mul",))
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(("architecture", "module"), [("resampler", RESAMPLER), ("projector", PROJECTOR)])
def test_sizes_are_read_from_the_weights_and_every_tensor_stays_as_it_was(tmp_path, architecture, module):
    source, weights = published(tmp_path, architecture, module)

    config = converted(source, tmp_path / "sd15")

    assert config["architecture"] == architecture
    assert config["module"] == module
    kept = load_file(tmp_path / "sd15" / "model.safetensors")
    assert kept.keys() == weights.keys()
    assert all(torch.equal(kept[key], weights[key]) for key in weights)


def test_a_converted_variant_is_one_the_registry_reads_and_the_loader_builds(tmp_path):
    source, _ = published(tmp_path, "projector", PROJECTOR)
    config = converted(source, tmp_path / "sdxl", base="linguahub/sdxl")

    variant = read_variant(tmp_path / "sdxl")
    module = build(variant.architecture, config["module"])
    load_weights(module, tmp_path / "sdxl" / "model.safetensors", what="published")

    assert (variant.method, variant.base.name, variant.conditioning.width) == ("pea", "linguahub/sdxl", 32)
    assert variant.conditioning.pooled_width == 16
    assert variant.encoder is not None
    assert variant.encoder.name == "org/encoder"


def test_a_card_that_names_no_encoder_leaves_the_variant_without_one(tmp_path):
    source, _ = published(tmp_path, "projector", PROJECTOR)
    converted(source, tmp_path / "sdxl", encoder="")
    assert read_variant(tmp_path / "sdxl").encoder is None


def test_half_precision_stays_half_precision(tmp_path):
    weights = {key: value.half() for key, value in build("projector", PROJECTOR).state_dict().items()}
    torch.save(weights, tmp_path / "weights.bin")
    converted(tmp_path / "weights.bin", tmp_path / "sdxl")
    assert {value.dtype for value in load_file(tmp_path / "sdxl" / "model.safetensors").values()} == {torch.float16}


@pytest.mark.parametrize(
    ("hidden_width", "linears", "parameters"),
    [(768, 3, 9_969_664 // 2), (2048, 4, 31_465_472 // 2), (1024, 3, 6_033_408)],
    ids=["pytorch_model.bin", "pytorch_model_pg.bin", "as advertised"],
)
def test_the_published_projectors_have_the_parameters_their_sizes_tell(hidden_width, linears, parameters):
    widths = {
        "in_width": 1024,
        "out_width": 2048,
        "hidden_width": hidden_width,
        "linears": linears,
        "pooled_width": 1280,
    }
    with torch.device("meta"):
        weights = build("projector", widths).state_dict()
    _, found = recognise({key: tuple(value.shape) for key, value in weights.items()}, what="pea")
    assert found.module == widths
    assert sum(value.numel() for value in weights.values()) == parameters


@pytest.mark.parametrize(("width", "parameters"), [(768, 20_371_968), (1024, 34_764_800)], ids=["sd15", "sd21"])
def test_the_published_resamplers_have_the_parameters_their_sizes_tell(width, parameters):
    with torch.device("meta"):
        weights = build("resampler", RESAMPLER | {"in_width": 4096, "out_width": width, "queries": 120}).state_dict()
    _, found = recognise({key: tuple(value.shape) for key, value in weights.items()}, what="mulan")
    assert found.module["queries"] == 120
    assert found.conditioning == {"width": width, "length": 120, "pooled_width": None, "mask": False}
    assert sum(value.numel() for value in weights.values()) == parameters


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("ran"),))


def test_a_pickle_that_holds_more_than_tensors_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"queries": Payload()}, protocol=2))
    with pytest.raises(InvalidSource, match="more than tensors"):
        converted(tmp_path / "evil.pth", tmp_path / "sd15")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "sd15").exists()


def test_a_cut_file_is_damaged(tmp_path):
    source, _ = published(tmp_path, "resampler", RESAMPLER)
    source.write_bytes(source.read_bytes()[:-200])
    with pytest.raises(DamagedFile, match=r"weights\.pth"):
        converted(source, tmp_path / "sd15")


def test_a_file_of_an_unknown_format_is_refused_with_some_of_its_keys(tmp_path):
    torch.save({"foreign.a": torch.zeros(1, 4, 8), "foreign.b": torch.zeros(1, 4, 8)}, tmp_path / "sdxl.pth")
    with pytest.raises(InvalidSource, match=r"foreign\.a"):
        converted(tmp_path / "sdxl.pth", tmp_path / "sdxl")


def test_a_missing_and_a_superfluous_tensor_are_both_named(tmp_path):
    source, weights = published(tmp_path, "resampler", RESAMPLER)
    del weights["proj.2.bias"]
    torch.save(weights | {"surplus": torch.zeros(1)}, source)
    with pytest.raises(WeightsDoNotFit) as refusal:
        converted(source, tmp_path / "sd15")
    assert refusal.value.problems[1:] == ["`proj.2.bias` is missing", "`surplus` is unexpected"]


def test_a_list_of_tensors_is_not_read_as_a_state_dict(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(InvalidSource, match="not a plain state dict"):
        converted(tmp_path / "list.pth", tmp_path / "sd15")


def test_published_pea_files_say_which_encoders_they_read_and_how() -> None:
    flux = PEA().recognise(pea(4672, 4096, 4096, 3, behind=768))
    assert (flux.base, flux.encoder, flux.sees_padding) == ("linguahub/flux1-schnell", "linguahub/byt5-xxl", True)
    assert flux.prompt["length"] == 256
    sd3 = PEA().recognise(pea(2048, 2048, 2048, 4, behind=4096))
    assert sd3.encoder == "linguahub/xlm-roberta-clip-huge + linguahub/hunyuan-dit-clip"
    assert (sd3.base, sd3.sees_padding, sd3.prompt["length"]) == ("linguahub/sd3-medium", False, 77)
    assert PEA().recognise(pea(2048, 2048, 1280, 3, behind=2048)).encoder == ""  # mT5's width: of SDXL's scripts
