"""`hub import` and `hub export`: published files in, published files out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from hub.loader.modules.module_config import read_config
from tests.builders import ROOT
from tests.builders.models.published_files import PUBLISHED, Published, mulan, random, write

ELLA = next(each for each in PUBLISHED if each.format == "ella")
MCLIP = next(each for each in PUBLISHED if each.format == "mclip")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "cards" / "bases" / "sd15", cards / "bases" / "sd15")  # What the files were made for.
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_a_published_file_becomes_a_folder_that_can_be_pushed_and_exported(hub, tmp_path):
    source, taken = write(Published("", "mulan", mulan(768, 16, queries=6)), tmp_path / "from")

    done = hub("import", source, "--name", "our-mulan", "--lang", "Yoruba", "--lang", "fr", "--license", "MIT")

    assert (done.code, done.err) == (0, "")
    assert "Recognised as MuLan for Stable Diffusion 1.x and 2.x: resampler, in_width 16, out_width 768" in done.out
    config = read_config(Path("our-mulan/sd15"))
    assert config.languages == ("yo", "fr")
    assert config.variant.base.name == "linguahub/sd15"
    assert hub("push", "our-mulan").code == 0
    assert json.loads(hub("search", "--lang", "Yoruba", "--method", "mulan", "--base", "sd15", "--json").out)
    exported = hub("export", "our-mulan", "--to", tmp_path / "again.pth")
    assert (exported.code, exported.err) == (0, "")
    again = torch.load(tmp_path / "again.pth", weights_only=True)
    assert again.keys() == taken.keys()
    assert all(torch.equal(again[key], taken[key]) for key in taken)


def test_with_push_it_is_published_here_and_no_folder_is_written(hub, tmp_path):
    source, _ = write(ELLA, tmp_path / "from")
    done = hub("import", source, "--push", "--lang", "en")
    assert done.out.startswith("ade/ella-sd15 revision 1 (")
    assert list(Path().iterdir()) == []
    exported = hub("export", "ella-sd15")
    assert exported.out.splitlines()[0] == "ella-sd15.safetensors"


def test_skipped_tensors_are_reported(hub, tmp_path):
    source, _ = write(MCLIP, tmp_path / "from")
    done = hub("import", source)
    assert "Not converted: model.encoder.clip (2 tensors), " in done.out
    assert Path("mclip-clip-vit-base-patch32/clip-vit-base-patch32/model.safetensors").is_file()


def test_an_import_that_fails_writes_nothing_and_publishes_nothing(hub, tmp_path):
    torch.save(random(mulan(768, 16) | {"stranger": (1,)}), tmp_path / "file")
    before = hub("search", "--json").out
    for push in ([], ["--push"]):
        done = hub("import", tmp_path / "file", *push)
        assert (done.code, done.out) == (2, "")
        assert "`stranger` is unexpected" in done.err
        assert len(done.err.splitlines()) == 1
    assert list(Path().iterdir()) == []
    assert hub("search", "--json").out == before


def test_an_existing_folder_is_not_touched(hub, tmp_path):
    source, _ = write(ELLA, tmp_path / "from")
    Path("ella-sd15").mkdir()
    done = hub("import", source)
    assert done.code == 1
    assert "already exists: choose another name with --name" in done.err
    assert list(Path("ella-sd15").iterdir()) == []


def test_a_missing_file_and_an_artifact_without_variants_are_one_line(hub):
    assert "`nowhere` not found" in hub("import", "nowhere").err
    missing = hub("export", "mulan-yo")
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)
    assert "has no downloaded weights" in missing.err
