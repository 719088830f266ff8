"""Every published layout is imported and exported again, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hub.convert import convert, export
from hub.convert.formats import FORMATS
from hub.encoders.text_encoder import TextEncoder
from hub.errors import Conflict, DamagedFile, DoesNotFit, InvalidRequest, InvalidSource, WeightsDoNotFit
from hub.loader.modules.module_config import read_config
from hub.systems.architectures import build
from hub.weights.strict import load_weights
from tests.builders.models.published_files import PUBLISHED, Published, mulan, random, write, write_tokenizer

LAYOUTS = [each for each in PUBLISHED if each.name not in {"mulan sd21", "pea sdxl pg"}]
"""Those two are millions of parameters in the layouts of others: only their widths differ, which the loader's test reads."""


def named(format: str) -> Published:
    return next(each for each in PUBLISHED if each.format == format)


def imported(published: Published, folder: Path) -> tuple[Path, dict[str, torch.Tensor], object]:
    source, taken = write(published, folder / "from")
    found = convert(
        source,
        folder / "variant",
        what="a file",
        base=published.base,
        with_encoder=published.with_encoder,
        tokenizer=write_tokenizer(folder / "tokenizer"),
    )
    return folder / "variant", taken, found


def flat(path: Path, container: str) -> dict[str, torch.Tensor]:
    if container == "safetensors":
        return load_file(path)
    state = torch.load(path, weights_only=True)
    if container == "fairseq":
        return {f"{name}.{key}": value for name, section in state.items() for key, value in section.items()}
    return state


@pytest.mark.parametrize("published", LAYOUTS, ids=lambda each: each.name)
def test_imported_files_are_exported_with_the_same_bytes(published, tmp_path):
    variant, taken, found = imported(published, tmp_path)
    assert found.format.name == published.format

    written, format = export(variant, tmp_path / "exported", what="a module")

    assert format.name == published.format
    again = flat(written, published.container)
    assert again.keys() == taken.keys()
    for key, value in taken.items():
        assert again[key].dtype == value.dtype
        assert torch.equal(again[key].reshape(-1).view(torch.uint8), value.reshape(-1).view(torch.uint8)), key


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.name)
def test_an_imported_file_is_a_variant_that_the_loader_builds(published, tmp_path):
    variant, _, _ = imported(published, tmp_path)
    written = json.loads((variant / "config.json").read_text())
    if written["encoder"] is None:
        assert published.format in {"pea", "x2i"}, "an encoder that is not stated stays unknown; all others are named"
        return
    config = read_config(variant)
    with torch.device("meta"):
        module = build(config.variant.architecture, config.module)
    load_weights(module, variant / "model.safetensors", what="a module")
    if config.own_encoder:
        encoder = TextEncoder.from_folder(variant / config.own_encoder, readout=config.readout)
        assert encoder.encode(["a b"], 6)[0].shape == (1, 6, 12)


def test_every_format_has_a_published_layout_in_these_tests():
    whole = [each.including_encoder.name for each in FORMATS if each.including_encoder is not None]
    assert {each.format for each in PUBLISHED} == {*(each.name for each in FORMATS), *whole}


@pytest.mark.parametrize("published", LAYOUTS, ids=lambda each: each.name)
def test_a_missing_a_superfluous_and_a_misshapen_tensor_are_all_named(published, tmp_path):
    source, taken = write(published, tmp_path / "from")
    anchors = [each for each in FORMATS if each.name == published.format] or [
        each.including_encoder for each in FORMATS if each.including_encoder
    ]
    others = [key for key in taken if key not in anchors[0].anchors and key.endswith(".bias") and "pooler" not in key]
    missing, misshapen = (others[-1], others[-2]) if len(others) > 1 else ("projector.2.weight", others[0])
    wrong = {key: value for key, value in taken.items() if key != missing} | random(published.left, published.dtype)
    wrong[misshapen] = torch.zeros(len(taken[misshapen]) + 1, dtype=published.dtype)
    surplus = "model.encoder.surplus" if published.container == "fairseq" else "surplus"
    wrong[surplus] = torch.zeros(3, dtype=published.dtype)
    if published.container == "fairseq":
        sections: dict[str, dict[str, torch.Tensor]] = {}
        for key, value in wrong.items():
            section, _, rest = key.partition(".")
            sections.setdefault(section, {})[rest] = value
        torch.save(sections, source)
    else:
        torch.save(wrong, source)
    with pytest.raises(WeightsDoNotFit) as refusal:
        convert(
            source, tmp_path / "variant", what="a file", base="linguahub/sd15", with_encoder=published.with_encoder,
            tokenizer=write_tokenizer(tmp_path / "tokenizer"),
        )  # fmt: skip
    message = str(refusal.value)
    assert f"`{missing}` is missing" in message
    assert f"`{misshapen}` is" in message
    assert f"`{surplus}` is unexpected" in message
    assert not (tmp_path / "variant").exists()
    assert not list(tmp_path.glob(".unfinished-*"))


@pytest.mark.parametrize("published", [named("mulan"), named("ella"), named("mclip")], ids=lambda each: each.name)
@pytest.mark.parametrize("change", ["cut", "extended"])
def test_a_truncated_and_an_extended_file_are_damaged_and_leave_nothing_behind(published, change, tmp_path):
    source, _ = write(published, tmp_path / "from")
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * 2 // 3] if change == "cut" else content + b"more")
    with pytest.raises(DamagedFile, match="`file` of `a file` is damaged"):
        convert(source, tmp_path / "variant", what="a file", base="linguahub/sd15")
    assert not (tmp_path / "variant").exists()


def test_a_file_without_the_keys_that_determine_its_sizes_is_compared_with_the_nearest_format(tmp_path):
    shapes = mulan(16)
    del shapes["queries"]
    torch.save(random(shapes | {"stranger": (2,)}), tmp_path / "file")
    with pytest.raises(WeightsDoNotFit) as refusal:
        convert(tmp_path / "file", tmp_path / "variant", what="a file", base="linguahub/sd15")
    assert refusal.value.problems == [
        "the nearest published format is MuLan for Stable Diffusion 1.x and 2.x",
        "`queries` is missing",
        "`stranger` is unexpected",
    ]


def test_foreign_tensors_are_of_no_format(tmp_path):
    torch.save({"a": torch.zeros(2), "b": torch.zeros(2)}, tmp_path / "file")
    with pytest.raises(InvalidSource, match=r"match no supported format. Supported: MuLan .*ELLA"):
        convert(tmp_path / "file", tmp_path / "variant", what="a file")


def test_a_gluegen_of_another_length_has_no_fixed_norms_and_is_refused(tmp_path):
    from tests.builders.models.published_files import gluegen

    torch.save(random(gluegen(tokens=20)), tmp_path / "file")
    with pytest.raises(
        WeightsDoNotFit, match=r"nearest published format is GlueGen.*tail\.net_tok\.0\.weight` is 40×20"
    ):
        convert(tmp_path / "file", tmp_path / "variant", what="a file")


def test_widths_that_belong_to_no_base_need_its_name(tmp_path):
    torch.save(random(mulan(16)), tmp_path / "file")
    with pytest.raises(InvalidRequest, match=r"its token width is 16.*Name the base with --base"):
        convert(tmp_path / "file", tmp_path / "variant", what="a file")


def test_an_encoder_in_the_file_needs_its_tokenizer(tmp_path):
    source, _ = write(named("m-clip"), tmp_path / "from")
    with pytest.raises(InvalidRequest, match="--tokenizer"):
        convert(source, tmp_path / "variant", what="a file")
    write_tokenizer(tmp_path / "tokenizer")  # as diffusers keeps it: text_encoder/file, tokenizer/
    convert(source, tmp_path / "variant", what="a file")
    assert (tmp_path / "variant" / "encoder" / "tokenizer.json").is_file()


def test_tensors_that_are_not_converted_are_listed(tmp_path):
    _, _, found = imported(named("mclip"), tmp_path)
    assert "model.encoder.clip (2 tensors)" in found.left
    assert "model.encoder.xlmr (37 tensors)" in found.left
    assert {"args", "last_optimizer_state"} <= set(found.left)


def test_a_module_trained_here_is_written_as_its_methods_authors_do(tmp_path):
    sizes = {"in_width": 12, "out_width": 16, "queries": 4, "heads": 8}
    torch.manual_seed(0)
    module = build("resampler", sizes)
    folder = tmp_path / "variant"
    folder.mkdir()
    torch.save(module.state_dict(), tmp_path / "published")
    convert(tmp_path / "published", folder, what="ours", base="linguahub/emoji-sd")
    config = json.loads((folder / "config.json").read_text())
    del config["published"]
    (folder / "config.json").write_text(json.dumps(config))

    written, format = export(folder, tmp_path / "ours.pth", what="ours")

    assert format.name == "mulan"
    assert torch.load(written, weights_only=True).keys() == module.state_dict().keys()
    with pytest.raises(DoesNotFit, match="differ from .*PEA-Diffusion"):
        export(folder, tmp_path / "other.pth", what="ours", format_name="pea")
    with pytest.raises(InvalidRequest, match="unknown published format `foo`"):
        export(folder, tmp_path / "other.pth", what="ours", format_name="foo")
    with pytest.raises(Conflict, match=r"ours\.pth` already exists"):
        export(folder, tmp_path / "ours.pth", what="ours")
    config["module"]["mask"] = True  # an option of ours that the published class does not have
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidRequest, match="options that no published format has"):
        export(folder, tmp_path / "third.pth", what="ours")
