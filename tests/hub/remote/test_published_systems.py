"""Published systems are fetched, checked, converted and published here; or nothing is."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hub.cards import Card, write_card
from hub.errors import DamagedFile, InvalidRequest, InvalidSource, MissingExtra, Unreachable
from hub.home import Home
from hub.local import LocalHub
from hub.records import Upstream
from hub.remote import published_systems as remote
from hub.systems.architectures import build

PROJECTOR = {"in_width": 12, "out_width": 32, "hidden_width": 20, "linears": 3, "pooled_width": 16}
WEIGHTS = Upstream(repository="org/adapter", file="weights.bin")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_XET_CACHE", str(tmp_path / "xet-cache"))


@pytest.fixture
def weights() -> bytes:
    buffer = io.BytesIO()
    torch.manual_seed(0)
    torch.save(build("projector", PROJECTOR).state_dict(), buffer)
    return buffer.getvalue()


def card(*upstream: Upstream, kind: str = "adapter") -> Card:
    return Card(
        kind=kind, summary="Published elsewhere.", license="unknown", languages=("zh",), method="pea", bases=("linguahub/sdxl",),
        upstream=upstream, prose="# Elsewhere",
    )  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path, weights: bytes) -> Iterator[LocalHub]:
    cards = tmp_path / "cards"
    write_card(
        card(Upstream(repository="org/adapter", file="weights.bin", size_bytes=len(weights))),
        cards / "adapters" / "pea-far",
    )
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", cards, "ade")) as hub:
        yield hub


def pull(hub: LocalHub, address: str) -> object:
    return remote.pull(hub.registry.get("pea-far"), hub.snapshot("pea-far"), hub.registry, hub.store, endpoint=address)


def untouched(hub: LocalHub) -> bool:
    return [revision.number for revision in hub.registry.revisions("linguahub/pea-far")] == [1]


def test_an_upstream_file_becomes_a_revision_with_card_and_variant(hub, tiny_hub, weights):
    tiny_hub.files["org/adapter/weights.bin"] = weights

    revision = pull(hub, tiny_hub.address)

    assert [file.path for file in revision.files] == ["README.md", "sdxl/config.json", "sdxl/model.safetensors"]
    artifact = hub.registry.get("pea-far")
    assert artifact.revision == revision.id
    assert artifact.weights_digest
    (variant,) = artifact.variants
    assert (variant.architecture, variant.conditioning.pooled_width) == ("projector", 16)
    assert "org/adapter/weights.bin" in revision.message


def test_pulling_twice_gives_the_same_revision(hub, tiny_hub, weights):
    tiny_hub.files["org/adapter/weights.bin"] = weights
    assert pull(hub, tiny_hub.address) == pull(hub, tiny_hub.address)


def test_an_interrupted_transfer_is_resumed(tiny_hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000_000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # Before it tries again.
    content = bytes(range(256)) * 40_000
    tiny_hub.files["org/adapter/weights.bin"] = content
    tiny_hub.broken_after = 6_000_000
    path = remote.fetch(WEIGHTS, endpoint=tiny_hub.address)
    assert path.read_bytes() == content
    (asked,) = tiny_hub.ranges
    assert 0 < int(asked.removeprefix("bytes=").rstrip("-")) <= 6_000_000


def test_bytes_that_differ_from_the_announced_ones_are_refused_and_forgotten(tiny_hub, weights):
    tiny_hub.files["org/adapter/weights.bin"] = weights
    tiny_hub.announced["org/adapter/weights.bin"] = hashlib.sha256(b"others").hexdigest()
    with pytest.raises(DamagedFile, match="has the digest"):
        remote.fetch(WEIGHTS, endpoint=tiny_hub.address)
    tiny_hub.announced.clear()
    assert remote.fetch(WEIGHTS, endpoint=tiny_hub.address).read_bytes() == weights


def test_a_digest_in_the_card_is_held_against_the_bytes(tiny_hub, weights):
    tiny_hub.files["org/adapter/weights.bin"] = weights
    pinned = Upstream(repository="org/adapter", file="weights.bin", digest=hashlib.sha256(b"others").hexdigest())
    with pytest.raises(DamagedFile, match="was changed upstream: its digest is .* and its card pins"):
        remote.fetch(pinned, endpoint=tiny_hub.address)


@pytest.mark.parametrize(("share", "fits"), [(1.005, True), (0.995, True), (1.1, False)])
def test_a_size_can_differ_by_the_rounding_of_listings(tiny_hub, weights, share, fits):
    tiny_hub.files["org/adapter/weights.bin"] = weights
    upstream = Upstream(repository="org/adapter", file="weights.bin", size_bytes=round(len(weights) * share))
    if fits:
        assert remote.fetch(upstream, endpoint=tiny_hub.address).stat().st_size == len(weights)
    else:
        with pytest.raises(DamagedFile, match=r"bytes instead of"):
            remote.fetch(upstream, endpoint=tiny_hub.address)


def test_an_unreachable_network_is_reported_immediately_and_leaves_nothing_behind(hub):
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"org/adapter.*hf download org/adapter weights\.bin"):
        pull(hub, "http://127.0.0.1:9")
    assert time.monotonic() - started < 5
    assert untouched(hub)


def test_cached_files_need_no_network(tiny_hub, weights):
    tiny_hub.files["org/adapter/weights.bin"] = weights
    remote.fetch(WEIGHTS, endpoint=tiny_hub.address)
    assert remote.fetch(WEIGHTS, endpoint="http://127.0.0.1:9").read_bytes() == weights


@pytest.mark.parametrize("there", [{}, {"org/adapter/other.bin": b"x"}], ids=["no repository", "no file"])
def test_a_file_that_was_deleted_upstream_is_one_sentence(hub, tiny_hub, there):
    tiny_hub.files |= there
    with pytest.raises(Unreachable, match=r"`weights\.bin` of `org/adapter` no longer exists"):
        pull(hub, tiny_hub.address)
    assert untouched(hub)


def test_a_file_that_cannot_be_converted_leaves_nothing(hub, tiny_hub, weights):
    buffer = io.BytesIO()
    torch.save({"foreign": torch.zeros(3)}, buffer)
    write_card(card(WEIGHTS), hub.home.cards / "adapters" / "pea-far")
    hub.index()
    tiny_hub.files["org/adapter/weights.bin"] = buffer.getvalue()
    before = hub.registry.revisions("linguahub/pea-far")
    with pytest.raises(InvalidSource, match="foreign"):
        pull(hub, tiny_hub.address)
    assert hub.registry.revisions("linguahub/pea-far") == before


def test_without_torch_the_extra_is_named(hub, tiny_hub, weights, monkeypatch):
    import sys

    tiny_hub.files["org/adapter/weights.bin"] = weights
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"linguahub\[load\]"):
        pull(hub, tiny_hub.address)
    assert untouched(hub)


def test_anything_but_a_single_adapter_is_refused_before_a_download(hub, tiny_hub, tmp_path):
    write_card(
        card(WEIGHTS, Upstream(repository="org/adapter", file="more.bin")), hub.home.cards / "adapters" / "pea-far"
    )
    hub.index()
    with pytest.raises(InvalidRequest, match="one upstream file"):
        pull(hub, tiny_hub.address)


def test_a_card_without_hosted_weights_is_not_pulled(hub, tiny_hub):
    write_card(card(), hub.home.cards / "adapters" / "pea-far")
    hub.index()
    with pytest.raises(InvalidRequest, match="the weights of `pea-far` are not published"):
        pull(hub, tiny_hub.address)


def test_a_projector_is_pulled_with_its_encoder_if_its_card_names_a_tokenizer(tmp_path, tiny_hub):
    from tests.builders.models.published_files import PUBLISHED, write, write_tokenizer

    whole = next(each for each in PUBLISHED if each.with_encoder)
    source, _ = write(whole, tmp_path / "from")
    tiny_hub.files["org/mclip/mclip_base.pt"] = source.read_bytes()
    for file in write_tokenizer(tmp_path / "tokenizer").iterdir():
        tiny_hub.files[f"org/xlmr/{file.name}"] = file.read_bytes()
    upstream = [Upstream(repository="org/xlmr", file=name) for name in ("tokenizer.json", "tokenizer_config.json")]
    bases = ("openai/clip-vit-base-patch32", "org/another-clip")
    written = card(Upstream(repository="org/mclip", file="mclip_base.pt"), *upstream, kind="projector")
    write_card(replace(written, bases=bases), tmp_path / "cards" / "projectors" / "far-mclip")
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", tmp_path / "cards", "ade")) as hub:
        remote.pull(
            hub.registry.get("far-mclip"), hub.snapshot("far-mclip"), hub.registry, hub.store, endpoint=tiny_hub.address
        )
        folder = hub.snapshot("far-mclip")
        assert {path.parent.name for path in folder.glob("*/config.json")} == {"clip-vit-base-patch32", "another-clip"}
        assert (folder / "clip-vit-base-patch32" / "encoder" / "tokenizer.json").is_file()
