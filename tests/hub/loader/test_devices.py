"""Parts of a pipeline can be on any device: the output of a module is always on the device of its consumer, and in the data type of the load.

The devices are imitated, and refuse operands that are elsewhere (`tests.builders.imitated_device`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from torch import Tensor, nn

from hub.errors import DoesNotFit
from tests.builders.imitated_device import device
from tests.builders.models.families import save_base, save_encoder, save_module

CPU = torch.device("cpu")
SMALL = {"height": 16, "width": 16}


@pytest.fixture(scope="session")
def gpu() -> torch.device:
    return device(0)


@pytest.fixture(scope="session")
def second() -> torch.device:
    return device(1)


def loaded(pipe: Any, name: str) -> Any:
    return pipe._prompt_encoder._module_cache[name]


def places(part: nn.Module) -> set[torch.device]:
    return {each.device for each in (*part.parameters(), *part.buffers())}


def encoder_of(pipe: Any, name: str) -> nn.Module:
    model: nn.Module = loaded(pipe, name).encoder.model
    return model


def same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-4)


def test_tensors_on_several_devices_are_refused(gpu: torch.device, second: torch.device) -> None:
    here = torch.ones(2, 2).to(gpu)
    assert (here @ here + 1).device == gpu
    for there in (CPU, second):
        with pytest.raises(RuntimeError, match="same device"):
            here @ torch.ones(2, 2).to(there)


@pytest.mark.parametrize("family", ["stable-diffusion-xl", "pixart", "flux"])
def test_a_pipeline_on_a_device_generates_the_same_as_on_the_cpu(
    family: str, load: Any, draw: Any, gpu: torch.device, tmp_path: Path
) -> None:
    base, encoder = save_base(family, tmp_path / family), save_encoder(tmp_path / "encoder")
    module = save_module(family, tmp_path / "module", encoder)
    size = {"height": 32, "width": 32} | ({"use_resolution_binning": False} if family == "pixart" else {})
    drawn = []
    for place in (CPU, gpu):
        pipe = load(module, base=base, encoder=encoder, device=place, dtype=torch.float32)
        drawn.append(draw(pipe, ["aja", "ile"], language="yo", **size))
        assert places(loaded(pipe, "module").module) == places(encoder_of(pipe, "module")) == {place}
    assert same(*drawn)


CHANGES = ("plain", "lora", "weights", "virtual tokens", "per step")


@pytest.mark.parametrize("kind", CHANGES)
def test_a_module_follows_a_pipeline_that_moves_and_is_offloaded(
    kind: str, load: Any, draw: Any, make_change: Callable[[str], Path], gpu: torch.device, second: torch.device
) -> None:
    pipe = load(make_change(kind), dtype=torch.float32)
    on_cpu, english = (draw(pipe, "aja", language=language) for language in ("yo", "en"))
    pipe.to(gpu)
    assert same(draw(pipe, "aja", language="yo"), on_cpu)
    pipe.enable_model_cpu_offload(device=second)
    for _ in range(2):  # the second time from the cache
        assert same(draw(pipe, "aja", language="yo"), on_cpu)
    assert same(draw(pipe, "aja", language="en"), english)


@pytest.mark.parametrize("kind", ["virtual tokens", "lora"])
@pytest.mark.parametrize("way", ["enable_model_cpu_offload", "enable_sequential_cpu_offload"])
def test_a_module_loaded_into_an_offloaded_pipeline_leaves_it_on_its_device(
    kind: str, way: str, load: Any, draw: Any, make_change: Callable[[str], Path], second: torch.device
) -> None:
    folder = make_change(kind)
    expected = draw(load(folder, dtype=torch.float32), "aja", language="yo")
    pipe = load(dtype=torch.float32)
    getattr(pipe, way)(device=second)
    pipe.load_adapter(folder)
    assert pipe._execution_device == second
    assert same(draw(pipe, "aja", language="yo"), expected)
    pipe.unload()
    assert pipe._execution_device == second
    assert same(draw(pipe, "aja"), draw(load(dtype=torch.float32), "aja"))


@pytest.mark.parametrize("way", ["enable_model_cpu_offload", "enable_sequential_cpu_offload"])
def test_an_offloaded_projection_reads_what_the_base_encodes(
    way: str, load: Any, draw: Any, gpu: torch.device, tmp_path: Path
) -> None:
    base, encoder = save_base("pixart", tmp_path / "pixart"), save_encoder(tmp_path / "encoder")
    module = save_module("pixart", tmp_path / "module", encoder)
    batch = {"prompt": ["aja", "a dog"], "language": ["yo", "en"], **SMALL, "use_resolution_binning": False}
    pipe = load(module, base=base, encoder=encoder, dtype=torch.float32)
    expected = draw(pipe, **batch)
    getattr(pipe, way)(device=gpu)
    assert same(draw(pipe, **batch), expected)


def test_replaced_weights_go_to_a_denoiser_on_another_device_than_the_prompts(
    load: Any, draw: Any, make_change: Callable[[str], Path], gpu: torch.device, second: torch.device
) -> None:
    pipe = load(make_change("weights"), dtype=torch.float32)
    expected = [draw(pipe, "aja", language=each) for each in ("yo", "en")]
    pipe.to(gpu)
    add_hook_to_module(pipe.unet.to(second), AlignDevicesHook(execution_device=second, io_same_device=True))
    for _ in range(2):
        found = [draw(pipe, "aja", language=each) for each in ("yo", "en")]
        assert all(same(*each) for each in zip(found, expected, strict=True))
        assert places(pipe.unet) == {second}


@pytest.mark.parametrize("is_on", [False, True])
def test_replaced_weights_take_the_type_that_the_denoiser_was_cast_to(
    is_on: bool, load: Any, draw: Any, make_change: Callable[[str], Path]
) -> None:
    pipe = load(make_change("weights"), dtype=torch.float32)
    if is_on:
        draw(pipe, "aja", language="yo")
    pipe.to(torch.bfloat16)
    assert not torch.equal(draw(pipe, "aja", language="yo"), draw(pipe, "aja", language="en"))
    assert pipe.unet.dtype == torch.bfloat16
    assert {each.dtype for each in pipe.unet.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("way", ["sequential", "group"])
def test_weights_are_not_replaced_behind_the_copies_of_an_offloaded_denoiser(
    way: str, load: Any, draw: Any, make_change: Callable[[str], Path], gpu: torch.device
) -> None:
    pipe = load(make_change("weights"), dtype=torch.float32)
    if way == "group":
        pipe.enable_group_offload(onload_device=gpu, offload_type="leaf_level")
    else:
        pipe.enable_sequential_cpu_offload(device=gpu)
    with pytest.raises(DoesNotFit, match="offloaded by layers or groups"):
        draw(pipe, "aja", language="yo")


@pytest.mark.parametrize("kind", ["plain", "per step"])
def test_a_module_works_with_group_offloading(
    kind: str, load: Any, draw: Any, make_change: Callable[[str], Path], gpu: torch.device
) -> None:
    pipe = load(make_change(kind), dtype=torch.float32)
    expected = draw(pipe, "aja", language="yo")
    pipe.enable_group_offload(onload_device=gpu, offload_type="leaf_level")
    for _ in range(2):
        assert same(draw(pipe, "aja", language="yo"), expected)


def test_all_weights_can_be_replaced_behind_a_compiled_denoiser(load: Any, make_change: Callable[[str], Path]) -> None:
    pipe = load(dtype=torch.float32)
    plain = pipe.unet
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    pipe.unet = torch.compile(plain, backend="eager")
    pipe.load_adapter(make_change("weights"))
    pipe.encode_prompt("aja", pipe.device, 1, False, language="yo")
    assert any(not torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    pipe.unload()
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())


def test_modules_that_arrive_later_have_the_type_of_the_load(
    load: Any, make_module: Callable[..., Path], gpu: torch.device
) -> None:
    pipe = load(make_module("mulan-yo"), device=gpu)  # as stored, float16, because it is not a CPU
    pipe.unload()
    pipe.enable_model_cpu_offload(device=gpu)
    pipe.load_adapter(make_module("mulan-sw", ("sw",), seed=3))
    assert loaded(pipe, "mulan-sw").dtype == encoder_of(pipe, "mulan-sw").dtype == torch.float16
    assert places(encoder_of(pipe, "mulan-sw")) == {CPU}


def test_a_move_that_was_interrupted_is_completed(load: Any, draw: Any, make_module: Callable[..., Path]) -> None:
    pipe = load(make_module("mulan-yo", architecture="projector"), dtype=torch.float32)
    expected = draw(pipe, "aja", language="yo")
    pipe._prompt_encoder._embeddings.clear()
    for part in (encoder_of(pipe, "mulan-yo"), loaded(pipe, "mulan-yo").module):
        list(part.children())[-1].to(device())  # the first parameter stays
    assert same(draw(pipe, "aja", language="yo"), expected)


def test_while_a_pipeline_is_offloaded_encoders_are_off_the_device_when_it_denoises(
    load: Any, draw: Any, make_module: Callable[..., Path], gpu: torch.device
) -> None:
    pipe = load(make_module("mulan-yo"), dtype=torch.float32)
    pipe.enable_model_cpu_offload(device=gpu)
    seen: list[set[torch.device]] = []

    def look(_: Any, __: int, ___: int, given: dict[str, Any]) -> dict[str, Any]:
        seen.append(places(encoder_of(pipe, "mulan-yo")) | places(loaded(pipe, "mulan-yo").module))
        assert places(pipe.unet) == {gpu}
        return given

    draw(pipe, "aja", language="yo", callback_on_step_end=look)
    assert seen == [{CPU}, {CPU}]


def test_cached_embeddings_leave_a_device_with_the_pipeline(
    load: Any, make_module: Callable[..., Path], gpu: torch.device
) -> None:
    pipe = load(make_module("mulan-yo"), device=gpu, dtype=torch.float32)
    pipe.encode_prompt("aja", gpu, 1, False, language="yo")
    rows = pipe._prompt_encoder._embeddings._rows
    assert {row.encoded.tokens_BLC.device for row in rows.values()} == {gpu}
    pipe.to("cpu")
    rows = pipe._prompt_encoder._embeddings._rows
    assert (
        {row.encoded.tokens_BLC.device for row in rows.values()}
        == {row.counts_L.device for row in rows.values()}
        == {CPU}
    )
