"""Files in Hugging Face's cache are compared with the digests in their names: one clear line, and a command that fixes it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from hub.cli import main
from hub.errors import DamagedFile
from hub.home import Home
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.remote import hf_cache
from tests.builders.upstream.cache import CLOSED, COMMIT, write
from tests.builders.upstream.tiny_hub import TinyHub

UNET = "unet/diffusion_pytorch_model.safetensors"
PLACE = 3000
"""Of a byte that is flipped: behind the header, among the numbers."""


class World(NamedTuple):
    """A base and an encoder upstream, downloaded whole."""

    hub: LocalHub
    base: Path
    """Snapshot in the cache."""
    encoder: Path
    tiny: TinyHub


def blobs(cache: Path, repository: str, content: Path) -> Path:
    """`content` as huggingface_hub keeps it: bytes under their digest, SHA-256 of weights and git's of the rest, and links to them."""
    root = cache / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    (root / "blobs").mkdir()
    for path in sorted(path for path in content.rglob("*") if path.is_file()):
        data = path.read_bytes()
        large = path.suffix == ".safetensors"
        name = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (root / "blobs" / name).write_bytes(data)
        link = snapshot / path.relative_to(content)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(root / "blobs" / name)
    return snapshot


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_folder: Path, encoder_folder: Path, tiny_hub: TinyHub
) -> Any:
    cache, cards = tmp_path / "cache", tmp_path / "cards"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_XET_CACHE", str(tmp_path / "xet-cache"))
    answer(monkeypatch, CLOSED)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(cards))
    monkeypatch.setenv("HUB_OWNER", "linguahub")
    write(cards / "bases" / "far-sd", "base", "org/sd", "model_index.json", conditioning={"width": 32})
    write(cards / "encoders" / "far-xlmr", "encoder", "org/xlmr", "model.safetensors")
    for repository, folder in (("org/sd", base_folder), ("org/xlmr", encoder_folder)):
        for path in (path for path in folder.rglob("*") if path.is_file()):
            tiny_hub.files[f"{repository}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    base, encoder = blobs(cache, "org/sd", base_folder), blobs(cache, "org/xlmr", encoder_folder)
    with LocalHub.open(Home.find()) as hub:
        yield World(hub, base, encoder, tiny_hub)


def answer(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let `address` be the upstream hub from here on."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


def flip(path: Path, *, at: int = PLACE) -> None:
    """One bit of the blob behind a link, as a disk does it: size and time stay."""
    blob = path.resolve()
    before, content = blob.stat(), bytearray(blob.read_bytes())
    content[at] ^= 1
    blob.write_bytes(content)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


def load(world: World, *arguments: Any, **settings: Any) -> Any:
    pipe = load_pipeline("far-sd", *arguments, hub=world.hub, device="cpu", **settings)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize(
    "part", [UNET, "vae/diffusion_pytorch_model.safetensors", "unet/config.json", "tokenizer/tokenizer_config.json"]
)
def test_a_flipped_bit_of_a_cached_base_is_one_line_that_names_the_command(world: World, part: str) -> None:
    flip(world.base / part, at=min(PLACE, (world.base / part).stat().st_size - 3))
    with pytest.raises(DamagedFile) as caught:
        load(world)
    kind = "SHA-256" if part.endswith("safetensors") else "git digest"
    assert str(caught.value).startswith(
        f"`far-sd` is damaged in Hugging Face's cache: `{Path(part).name}` has the {kind} "
    )
    assert str(caught.value).endswith("`hub pull far-sd` removes it and fetches it again.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes()[:5]),
        lambda path: path.write_bytes(b"\xff" + path.read_bytes()[1:]),
        lambda path: path.write_bytes(b""),
    ],
    ids=["cut", "header alone", "flipped header", "empty"],
)
def test_a_spoilt_cached_encoder_leaves_the_pipeline_as_it_was(
    world: World, make_module: Callable[..., Path], draw: Callable[..., Tensor], spoil: Callable[[Path], Any]
) -> None:
    pipe = load(world, module_variant="tiny-sd")
    before = draw(pipe, "dog")
    spoil((world.encoder / "model.safetensors").resolve())
    with pytest.raises(
        DamagedFile, match=r"`far-xlmr` is damaged in Hugging Face's cache: .*`hub pull far-xlmr` removes it"
    ):
        pipe.load_adapter(make_module("mulan-yo", encoder={"name": "org/xlmr", "digest": ""}))
    assert pipe.get_active_adapters() == []
    assert torch.equal(draw(pipe, "dog"), before)


def test_a_valid_file_is_not_hashed_again_until_it_changes(
    caplog: pytest.LogCaptureFixture, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    digest = hf_cache._digest
    monkeypatch.setattr(hf_cache, "_digest", lambda blob: (hashed.append(blob.name), digest(blob))[1])
    monkeypatch.setattr(hf_cache, "BIG_BYTES", 1)
    load(world)
    unet = (world.base / UNET).resolve()
    assert unet.name in hashed
    assert "in Hugging Face's cache. This is done once." in caplog.text
    hashed.clear()
    load(world)
    assert hashed == []
    os.utime(unet, ns=(0, 0))  # touched, and whole
    load(world)
    assert hashed == [unet.name]
    content = unet.read_bytes()
    unet.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedFile, match="hub pull far-sd"):
        load(world)


def test_verify_reads_everything_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    load(world)
    files = sum(not path.is_dir() for path in world.base.rglob("*"))
    assert main(["verify", "--cache", "far-sd"]) == 0
    assert capsys.readouterr().out == f"{files} files of org/sd in the cache, no faults.\n"
    flip(world.base / UNET)  # neither size nor time tells
    load(world)
    assert main(["verify", "--cache", "far-sd"]) == 1
    told = capsys.readouterr()
    assert told.out == f"{files} files of org/sd in the cache, 1 fault.\n"
    assert "`diffusion_pytorch_model.safetensors` has the SHA-256" in told.err
    assert "Fetch it again with `hub pull far-sd`." in told.err


def test_verify_reports_an_artifact_without_files_in_the_cache(
    world: World, tmp_path: Path, make_module: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.builders.models.tiny import push

    push(world.hub, "mulan-yo", make_module("mulan-yo"), tmp_path, kind="adapter", language="yo")
    assert main(["verify", "--cache", "mulan-yo"]) == 2
    assert "`mulan-yo` has no upstream files" in capsys.readouterr().err


def test_verify_tells_lost_files_and_broken_off_downloads(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.encoder / "model.safetensors").resolve().rename(world.encoder.parents[1] / "blobs" / "abc.incomplete")
    assert main(["verify", "--cache", "far-xlmr"]) == 1
    told = capsys.readouterr().err
    assert "`model.safetensors` is missing from the cache. Fetch it again with `hub pull far-xlmr`." in told
    assert "a download was interrupted after" in told


def test_pull_removes_damaged_files_and_fetches_them_again(
    world: World, monkeypatch: pytest.MonkeyPatch, draw: Callable[..., Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    before = draw(load(world), "dog")
    flip(world.base / UNET)
    assert main(["pull", "far-sd"]) == 1
    assert "the hub that has `far-sd` does not respond" in capsys.readouterr().err
    assert (world.base / UNET).exists(), "a file that cannot be fetched again is kept"
    answer(monkeypatch, world.tiny.address)
    assert main(["pull", "far-sd"]) == 0
    assert "fetching it again" in capsys.readouterr().err
    answer(monkeypatch, CLOSED)
    assert main(["verify", "--cache", "far-sd"]) == 0
    assert torch.equal(draw(load(world), "dog"), before)


def test_the_error_for_an_interrupted_download_shows_its_progress(world: World, draw: Callable[..., Tensor]) -> None:
    blob = (world.base / "vae/diffusion_pytorch_model.safetensors").resolve()
    blob.rename(blob.with_name(f"{blob.name}.incomplete"))
    (world.base / "vae/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(DamagedFile) as caught:
        load(world)
    size = blob.with_name(f"{blob.name}.incomplete").stat().st_size
    assert str(caught.value) == (
        f"`far-sd` has no weights of its vae: a download was interrupted after {size / 1e6:.1f} MB. "
        "Fetch it again with `hub pull far-sd`."
    )
