"""Every bad input that a module can bring to a pipeline is one line that names the next command, and the pipeline generates the same images as before."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hub.cli import main
from hub.conditioning import Conditioning
from hub.errors import (
    DamagedFile,
    DoesNotFit,
    HubError,
    InvalidSource,
    OutOfMemory,
    UnknownArtifact,
    Unreachable,
    WeightsDoNotFit,
)
from hub.home import Home
from hub.loader import load_pipeline
from hub.local import LocalHub
from tests.builders.upstream.cache import CLOSED, seed, write
from tests.builders.upstream.tiny_hub import TinyHub

FAR = {"name": "org/xlmr", "digest": ""}
WEIGHTS = Path("tiny-sd") / "model.safetensors"


class Case(NamedTuple):
    """One bad input."""

    spoil: Callable[[World], Any]
    """Prepares it, and brings it to the pipeline."""
    error: type[HubError]
    said: tuple[str, ...]
    """Both sides, as the line names them."""
    command: str
    """Next command, call or argument."""


@dataclasses.dataclass
class World:
    """A pipeline with its own module, and the material of bad inputs."""

    pipe: Any
    hub: LocalHub
    make_module: Callable[..., Path]
    encoder: Path
    base: Path
    cache: Path
    monkeypatch: pytest.MonkeyPatch
    scratch: Path

    def module(self, **changes: Any) -> Path:
        return self.make_module("mulan-sw", ("sw",), **changes)


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any], make_module: Callable[..., Path],
    encoder_folder: Path, base_folder: Path, empty_registry: Path,
) -> Any:  # fmt: skip
    """The pipeline already has its own module, which must continue to read."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_XET_CACHE", str(tmp_path / "xet-cache"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "cards"))
    write(tmp_path / "cards" / "bases" / "far-sd", "base", "org/sd", "model_index.json", conditioning={"width": 32})
    write(tmp_path / "cards" / "encoders" / "far-xlmr", "encoder", "org/xlmr", "model.safetensors")
    seed(cache, "org/sd", base_folder)
    seed(cache, "org/own", encoder_folder)
    own = {"name": "org/own", "digest": ""}
    write(tmp_path / "cards" / "encoders" / "own-xlmr", "encoder", "org/own", "model.safetensors")
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")
    with LocalHub.open(Home.find()) as hub:
        pipe = load_pipeline(
            "far-sd", make_module("mulan-yo", encoder=own), module_variant="tiny-sd", hub=hub, device="cpu"
        )
        pipe.set_progress_bar_config(disable=True)
        yield World(pipe, hub, make_module, encoder_folder, base_folder, cache, monkeypatch, tmp_path)


def far_encoder(world: World) -> Path:
    return world.module(encoder=FAR)


def with_another_length(world: World) -> None:
    world.monkeypatch.setattr(
        "hub.bases.families.stable_diffusion.StableDiffusion.conditioning", lambda *_: Conditioning(width=32, length=77)
    )
    load_pipeline("far-sd", world.module(encoder=FAR), module_variant="tiny-sd", hub=world.hub, device="cpu")


def on_sdxl(world: World, xl: Path) -> None:
    load_pipeline(xl, world.module(), module_variant="tiny-sd", encoder=world.encoder, device="cpu")


def of_another_base(world: World) -> None:
    from tests.builders.models.tiny import push

    push(world.hub, "near-sd", world.base, world.scratch, kind="base", language="en")
    module = world.module(base={"name": "linguahub/near-sd", "digest": "a" * 64})
    (module / "tiny-sd").rename(module / "near-sd")
    load_pipeline("near-sd", module, hub=world.hub, device="cpu")


def broken_off(world: World) -> None:
    folder = seed(world.cache, "org/xlmr", world.encoder)
    (folder / "model.safetensors").unlink()
    blobs = folder.parents[1] / "blobs"
    blobs.mkdir()
    (blobs / f"{'a' * 64}.incomplete").write_bytes(bytes(1_500_000))
    world.pipe.load_adapter(far_encoder(world))


def cut(world: World) -> None:
    folder = seed(world.cache, "org/xlmr", world.encoder)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])
    world.pipe.load_adapter(far_encoder(world))


def foreign_settings(world: World) -> None:
    folder = seed(world.cache, "org/xlmr", world.encoder)
    (folder / "config.json").write_text("{")
    world.pipe.load_adapter(far_encoder(world))


def without_room(world: World, place: str) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB")

    seed(world.cache, "org/xlmr", world.encoder)
    world.monkeypatch.setattr(place, full)
    world.pipe.load_adapter(far_encoder(world))


CASES = {
    "width": Case(
        lambda world: world.pipe.load_adapter(world.module(conditioning={"width": 1024})), DoesNotFit,
        ("gives 16 tokens of width 1024", "takes any number of tokens of width 32"), "`hub search --base far-sd`",
    ),
    "length": Case(
        with_another_length, DoesNotFit, ("gives 16 tokens of width 32", "takes 77 tokens of width 32"),
        "`hub search --base far-sd`",
    ),
    "encoder's width": Case(
        lambda world: (seed(world.cache, "org/xlmr", world.encoder), world.pipe.load_adapter(world.module(encoder=FAR, module={"in_width": 48}))),
        DoesNotFit, ("reads states of width 48", "gives 24"), "`hub show mulan-sw`",
    ),
    "encoder's digest": Case(
        lambda world: world.pipe.load_adapter(world.module(encoder={"name": "linguahub/far-xlmr", "digest": "a" * 64})),
        DoesNotFit, ("digest aaaaaaaaaaaa", "has none"), "`hub pull linguahub/far-xlmr`",
    ),
    "base's digest": Case(of_another_base, DoesNotFit, ("with digest aaaaaaaaaaaa", "`near-sd` here has"), "`hub search --base near-sd`"),
    "type of some weights": Case(
        lambda world: (seed(world.cache, "org/xlmr", world.encoder), world.pipe.load_adapter(retyped(world, torch.int8))), WeightsDoNotFit,
        ("`proj.0.bias` is int8 and should be float32, float16 or bfloat16",), "`hub pull mulan-sw`",
    ),
    "types mixed": Case(
        lambda world: (seed(world.cache, "org/xlmr", world.encoder), world.pipe.load_adapter(retyped(world, torch.float32))), WeightsDoNotFit,
        ("they should share one type",), "`hub show mulan-sw`",
    ),
    "missing variant": Case(
        lambda world: world.pipe.load_adapter(renamed(world)), DoesNotFit, ("no variant for `tiny-sd`", "only for `sdxl`"), "`hub search --base tiny-sd`"
    ),
    "cached encoder cut": Case(cut, DamagedFile, ("model.safetensors is truncated",), "`hub pull far-xlmr`"),
    "cached encoder's settings broken": Case(foreign_settings, DamagedFile, ("the settings of `far-xlmr` cannot be read",), "`hub pull far-xlmr`"),
    "cached weights of another encoder": Case(
        lambda world: (seed(world.cache, "org/xlmr", world.encoder), shrink(world), world.pipe.load_adapter(far_encoder(world))), WeightsDoNotFit,
        ("`far-xlmr`", "should be"), "`hub pull far-xlmr`",
    ),
    "download broken off": Case(
        broken_off, Unreachable, ("`far-xlmr` is not on this machine (1.5 MB of an interrupted download are cached)",),
        "`hub pull far-xlmr`",
    ),
    "nowhere": Case(
        lambda world: world.pipe.load_adapter(far_encoder(world)), Unreachable, ("org/xlmr is not in", CLOSED), "`hub pull far-xlmr`"
    ),
    "device too small for the encoder": Case(
        lambda world: without_room(world, "hub.loader.modules.load_encoder.TextEncoder.from_folder"), OutOfMemory,
        ("the text encoder `far-xlmr` takes",), "`encoder_quantisation=\"8bit\"`",
    ),
    "device too small for the module": Case(
        lambda world: without_room(world, "hub.loader.modules.loaded_module.load_weights"), OutOfMemory, ("the module `mulan-sw` takes",),
        "`pipe.free_encoder()`",
    ),
    "language without a module": Case(
        lambda world: world.pipe("mbwa", language="sw", num_inference_steps=1), DoesNotFit, ("no loaded module reads Swahili", "`mulan-yo` reads yo"),
        "`hub search --lang sw",
    ),
    "unknown name": Case(lambda world: world.pipe.load_adapter("mulan-so"), UnknownArtifact, ("no artifact is called `mulan-so`",), "`hub search`"),
    "pickle": Case(
        lambda world: world.pipe.load_adapter(pickled(world)), InvalidSource, ("are a pickle",), "only safetensors are loaded"
    ),
}  # fmt: skip


def retyped(world: World, dtype: torch.dtype) -> Path:
    folder = world.module(encoder=FAR)
    weights = load_file(folder / WEIGHTS)
    save_file({**weights, "proj.0.bias": weights["proj.0.bias"].to(dtype)}, folder / WEIGHTS)
    return folder


def renamed(world: World) -> Path:
    folder = world.module()
    (folder / "tiny-sd").rename(folder / "sdxl")
    return folder


def shrink(world: World) -> None:
    (path,) = (world.cache / "models--org--xlmr").glob("snapshots/*/model.safetensors")
    weights = load_file(path)
    save_file({key: value[:7].clone() if "word_embeddings" in key else value for key, value in weights.items()}, path)


def pickled(world: World) -> Path:
    seed(world.cache, "org/xlmr", world.encoder)
    folder = world.module(encoder=FAR)
    torch.save({"queries": torch.zeros(3)}, folder / WEIGHTS)
    return folder


def check(world: World, case: Case, draw: Callable[..., Tensor], bring: Callable[[], Any]) -> None:
    prompts, settings = ["aja", "dog"], {"language": ["yo", "en"]}
    before = draw(world.pipe, prompts, **settings), world.pipe.unet.state_dict()
    with pytest.raises(case.error) as caught:
        bring()
    line = str(caught.value)
    assert "\n" not in line
    for part in (*case.said, case.command):
        assert part in line, line
    assert world.pipe.get_active_adapters() == ["mulan-yo"]
    assert torch.equal(draw(world.pipe, prompts, **settings), before[0])
    assert all(
        value is kept or torch.equal(value, kept)
        for value, kept in zip(world.pipe.unet.state_dict().values(), before[1].values(), strict=True)
    )


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_is_one_line_and_leaves_the_pipeline_as_it_was(
    name: str, world: World, draw: Callable[..., Tensor]
) -> None:
    check(world, CASES[name], draw, lambda: CASES[name].spoil(world))


def test_a_pooled_vector_that_a_base_wants_and_a_module_has_not(
    world: World, xl_folder: Path, draw: Callable[..., Tensor]
) -> None:
    case = Case(on_sdxl, DoesNotFit, ("gives 16 tokens of width 32", "pooled 40"), "`hub search --base tiny-xl`")
    check(world, case, draw, lambda: on_sdxl(world, xl_folder))


def test_the_error_for_a_gated_encoder_explains_how_to_get_access(
    world: World, gated: str, draw: Callable[..., Tensor]
) -> None:
    said = f"`far-xlmr` is gated: accept its terms at {gated}/org/xlmr, then `hf auth login`, then"
    case = Case(far_encoder, Unreachable, (said,), "`hub pull far-xlmr`")
    check(world, case, draw, lambda: world.pipe.load_adapter(far_encoder(world)))


def test_a_file_that_changed_under_its_pin_is_refused_by_pull(
    world: World, tiny_hub: TinyHub, draw: Callable[..., Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    """The card pins a SHA-256, and the hub announces and gives another file."""
    content = b"other weights"
    tiny_hub.files["org/mulan/sd15.pth"] = content
    card = world.hub.home.cards / "adapters" / "far-mulan" / "README.md"
    write(card.parent, "adapter", "org/mulan", "sd15.pth", method="mulan")
    text = card.read_text().replace('"language": "en"', '"language": "mul", "base_model": ["linguahub/far-sd"]')
    card.write_text(text.replace('"file": "sd15.pth"', f'"file": "sd15.pth", "digest": "{"b" * 64}"'))
    before = draw(world.pipe, "aja", language="yo")
    world.monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", tiny_hub.address)
    template = tiny_hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    world.monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert main(["pull", "far-mulan"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    found = hashlib.sha256(content).hexdigest()
    assert (
        f"`sd15.pth` of `org/mulan` was changed upstream: its digest is {found}, and its card pins {'b' * 64}" in line
    )
    assert "`hub import" in line
    with pytest.raises(DamagedFile, match=r"was changed upstream: .*`hub import sd15\.pth`"):
        load_pipeline("far-sd", "far-mulan", hub=world.hub, device="cpu")
    assert torch.equal(draw(world.pipe, "aja", language="yo"), before)
