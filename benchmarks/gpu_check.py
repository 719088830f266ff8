"""Check on a GPU what the tests check on an imitated one: load, move, offload and draw with a module, for every family of bases.

    python -m benchmarks.gpu_check                      # all families on the first GPU, or on an imitated one without a GPU
    python -m benchmarks.gpu_check --family pixart flux --device cuda:1

The first thing to run where a GPU is at hand. It prints a table of families and checks, then every failure in one line, and ends with
exit code 1 if there is any. The bases are the small ones of the tests. On a GPU it also compares the ring of page-locked buffers
(`hub.weights.pinned_copy`) with safetensors' own loading to a device; without a gain the ring should go.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

NEAR = 0.05
"""Tolerance of images on a GPU and on a CPU, as a share of the range from black to white."""
RING_BYTES = 2 << 30
REPETITIONS = 5


class NotHere(Exception):
    """The check needs something that the device or family lacks."""


@dataclass
class Bench:
    """The device, and whether it is a real one."""

    device: torch.device
    is_real: bool
    results: dict[tuple[str, str], str] = field(default_factory=dict)
    """Family and check → `ok`, `-` or `FAIL`."""
    failures: list[str] = field(default_factory=list)

    def load(self, case: Any, **settings: Any) -> Any:
        """Return the pipeline of the case with its module."""
        from hub import load_pipeline

        given = {"device": self.device, "dtype": torch.float32} | settings
        pipe: Any = load_pipeline(
            case.base_folder, case.module_folder, encoder=case.encoder_folder, module_variant=case.family, **given
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def run(self, family: str, name: str, check: Callable[[Bench, Any], None], case: Any) -> None:
        """Record the result of one check."""
        gc.collect()
        try:
            check(self, case)
            result = "ok"
        except NotHere:
            result = "-"
        except Exception as error:  # noqa: BLE001 - any failure is a result
            result = "FAIL"
            last = traceback.extract_tb(error.__traceback__)[-1]
            said = (str(error).splitlines() or [""])[0][:150]
            self.failures.append(
                f"{family}, {name}: {type(error).__name__}: {said} ({Path(last.filename).name}:{last.lineno})"
            )
        self.results[family, name] = result


def parts_of(pipe: Any) -> list[nn.Module]:
    """Return the base's models, the modules and their encoders."""
    found = [part for part in pipe.components.values() if isinstance(part, nn.Module)]
    for loaded in pipe._prompt_encoder._module_cache.values():  # noqa: SLF001 - what is checked
        found += [each for each in (loaded.module, None if loaded.encoder is None else loaded.encoder.model) if each]
    return found


def draw(case: Any, pipe: Any, *prompts: Any, language: Any = "yo") -> Tensor:
    """Draw each of the prompts, by default two that are the same and a list; return the last image, which has to be finite."""
    image = torch.empty(0)
    for prompt in prompts or ("aja", "aja", ["aja", "ile"]):
        image = case.draw(pipe, prompt, language=language)
        assert torch.isfinite(image).all(), "NaN in the image"
    return image


def near(one: Tensor, other: Tensor) -> None:
    """Check that two images are the same but for the order of sums."""
    difference = (one - other).abs().max().item()
    assert difference < NEAR, f"the images differ by {difference:.3f}"


def direct(bench: Bench, case: Any) -> None:
    """Load to the device: everything is there, and the image is the CPU's."""
    pipe = bench.load(case)
    assert {each.device.type for part in parts_of(pipe) for each in part.parameters()} == {bench.device.type}
    near(draw(case, pipe, "aja"), draw(case, bench.load(case, device="cpu"), "aja"))


def halves(bench: Bench, case: Any) -> None:
    """Draw in both half precisions."""
    for dtype in (torch.bfloat16, torch.float16):
        draw(case, bench.load(case, dtype=dtype))


def moved(bench: Bench, case: Any) -> None:
    """Move a pipeline to the device, cast it there, and move it back."""
    pipe = bench.load(case, device="cpu")
    for place in ((), (bench.device,), (bench.device, torch.bfloat16)):
        pipe.to(*place) if place else None
        draw(case, pipe)
    pipe.to("cpu")
    assert {each.device.type for part in parts_of(pipe) for each in part.parameters()} == {"cpu"}


def model_offload(bench: Bench, case: Any) -> None:
    """Offload by models, with cached prompts, mixed batches and a freed encoder; encoders leave the device before denoising."""
    pipe = bench.load(case, dtype=torch.bfloat16)
    pipe.enable_model_cpu_offload(device=bench.device)
    draw(case, pipe)
    if case.base.mask:
        case.draw(pipe, ["aja", "a dog"], language=["yo", "en"])
    pipe.free_encoder()
    draw(case, pipe, "eye")
    assert pipe._execution_device == bench.device, pipe._execution_device  # noqa: SLF001
    assert {each.device.type for part in parts_of(pipe) for each in part.parameters()} == {"cpu"}


def later_dtype(bench: Bench, case: Any) -> None:
    """Load a module into an offloaded pipeline: it has the type of the load."""
    pipe = bench.load(case, dtype=None)
    before = {each.dtype for each in parts_of(pipe)[-1].parameters()}
    pipe.unload()
    pipe.enable_model_cpu_offload(device=bench.device)
    pipe.load_adapter(case.module_folder)
    after = {each.dtype for each in parts_of(pipe)[-1].parameters()}
    assert after == before, f"the encoder was {before} and came back {after}"


def per_step(bench: Bench, case: Any) -> None:
    """Run a module at every step (ELLA), offloaded and with cached prompts."""
    if case.family != "stable-diffusion":
        raise NotHere
    from hub import load_pipeline
    from hub.systems.architectures import build
    from hub.weights.strict import save_weights

    folder = case.root / "ella" / case.family
    config = json.loads((case.module_folder / case.family / "config.json").read_text())
    width, module = (
        config["module"]["out_width"],
        {"queries": 12, "layers": 1, "heads": 4, "time_width": 32, "time_channels": 32},
    )
    config |= {"architecture": "timestep-resampler", "module": {"in_width": 24, "out_width": width, **module}}
    save_weights(build("timestep-resampler", config["module"]), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    how = {"encoder": case.encoder_folder, "variant": case.family, "device": bench.device, "dtype": torch.float32}
    pipe: Any = load_pipeline(case.base_folder, folder.parent, **how)
    pipe.set_progress_bar_config(disable=True)
    draw(case, pipe)
    pipe.enable_model_cpu_offload(device=bench.device)
    draw(case, pipe, "aja", "aja")


def sequential(bench: Bench, case: Any) -> None:
    """Offload by layers."""
    pipe = bench.load(case, device="cpu")
    pipe.enable_sequential_cpu_offload(device=bench.device)
    draw(case, pipe)


def groups(bench: Bench, case: Any) -> None:
    """Offload by groups, on a GPU with a stream."""
    pipe = bench.load(case, device="cpu")
    pipe.enable_group_offload(onload_device=bench.device, offload_type="leaf_level", use_stream=bench.is_real)
    draw(case, pipe)


def eight_bits(bench: Bench, case: Any) -> None:
    """Quantise base and encoder to 8 bits."""
    _quantised(bench, case, "8bit")


def four_bits(bench: Bench, case: Any) -> None:
    """Quantise base and encoder to 4 bits."""
    _quantised(bench, case, "4bit")


def _quantised(bench: Bench, case: Any, word: str) -> None:
    if not bench.is_real:
        raise NotHere  # their kernels
    draw(case.wide, bench.load(case.wide, quantisation=word, encoder_quantisation=word, dtype=torch.bfloat16))


def freed(bench: Bench, case: Any) -> None:
    """Free the encoder: as many bytes as it says, and it comes back."""
    pipe = bench.load(case)
    draw(case, pipe)
    before = torch.cuda.memory_allocated(bench.device) if bench.is_real else 0
    said = pipe.free_encoder()
    given = before - torch.cuda.memory_allocated(bench.device) if bench.is_real else said
    assert given >= said > 0, f"{said} bytes were said to be freed, and {given} were"
    draw(case, pipe, "eye")
    pipe.unload()


def copied(bench: Bench, case: Any) -> None:
    """Copy a pipeline on the device; the copy draws the same after the first one has left it."""
    pipe = bench.load(case)
    expected, other = draw(case, pipe, "aja"), copy.deepcopy(pipe)
    pipe.to("cpu")
    near(draw(case, other, "aja"), expected)


def compiled(bench: Bench, case: Any) -> None:
    """Compile the denoiser with CUDA graphs, and switch prompts."""
    if not bench.is_real:
        raise NotHere
    pipe = bench.load(case)
    name = "unet" if hasattr(pipe, "unet") else "transformer"
    setattr(pipe, name, torch.compile(getattr(pipe, name), mode="reduce-overhead"))
    draw(case, pipe, "aja", "ile", "aja")


def lab(bench: Bench, _: Any) -> None:
    """Draw with the lab's base and module as on the CPU."""
    from hub import load_pipeline

    images = []
    for place in (bench.device, "cpu"):
        pipe: Any = load_pipeline("emoji-sd", "mulan-yo", device=place, dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        seeded = torch.Generator().manual_seed(0)
        images.append(
            torch.from_numpy(
                pipe("aja", num_inference_steps=4, generator=seeded, output_type="np", language="yo").images
            )
        )
    near(*images)


CHECKS = (
    direct, halves, moved, model_offload, later_dtype, per_step, sequential, groups, eight_bits, four_bits, freed, copied, compiled,
)  # fmt: skip


def compare_ring(device: torch.device, size_bytes: int = RING_BYTES) -> dict[str, float | str]:
    """Return the medians of three ways to load a file of fp16 weights from the page cache to the GPU, in milliseconds."""
    from safetensors.torch import load_file, save_file

    from hub.weights import pinned_copy
    from hub.weights.strict import read_header

    with tempfile.TemporaryDirectory() as folder:
        path, shape = Path(folder) / "weights.safetensors", (2048, 4096)
        count = size_bytes // (2 * shape[0] * shape[1])
        save_file({str(place): torch.randn(shape).half() for place in range(count)}, path)
        places = {name: (each.start, each.shape, each.dtype) for name, each in read_header(path, what="them").items()}

        def by_ring() -> object:
            return pinned_copy.read_tensors(path, places, pinned_copy.PinnedRing.of(device, path.stat().st_size))

        ways: dict[str, Callable[[], object]] = {
            "ring": by_ring,
            "safetensors to the device": lambda: load_file(path, device=str(device)),
            "safetensors to the CPU, then to": lambda: {
                name: value.to(device) for name, value in load_file(path).items()
            },
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPETITIONS + 1):
            for name, load in ways.items():
                torch.cuda.synchronize(device)
                started = time.perf_counter()
                load()
                torch.cuda.synchronize(device)
                times[name].append(1e3 * (time.perf_counter() - started))
    medians = {
        f"{name}, ms": round(statistics.median(each[1:]), 1) for name, each in times.items()
    }  # the first warms up
    return {
        "claim": "the ring is faster than safetensors' own loading",
        "bytes": count * 2 * shape[0] * shape[1],
        **medians,
    }


def print_table(bench: Bench, families: list[str]) -> None:
    """Print a row for each check and a column for each family."""
    names = [check.__name__ for check in CHECKS]
    print(f"{'':14}" + "".join(f"{family[:18]:>20}" for family in families))
    for name in names:
        print(f"{name:14}" + "".join(f"{bench.results[family, name]:>20}" for family in families))
    print(f"{'lab':14}{bench.results['emoji-sd', 'lab']:>20}")


def main() -> int:
    """Run all checks; return 1 if any fails."""
    from tests.builders import imitated_device
    from tests.builders.models.families import BASES
    from tests.compatibility.case import Case

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="cuda, cuda:1 … (default: a GPU if available, else an imitated one)")
    parser.add_argument(
        "--family", nargs="+", choices=sorted(BASES), default=list(BASES), help="families (default: all)"
    )
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    is_real = options.device is not None or torch.cuda.is_available()
    device = torch.device(options.device or "cuda") if is_real else imitated_device.device()
    if device.index is None:
        device = torch.device(device.type, 0)
    bench = Bench(device, is_real)
    with tempfile.TemporaryDirectory() as root:
        for family in options.family:
            case = Case(family, Path(root) / family)
            for check in CHECKS:
                bench.run(family, check.__name__, check, case)
        bench.run("emoji-sd", "lab", lab, None)
    name = torch.cuda.get_device_name(device) if is_real else "imitated on the CPU"
    print(f"{device} ({name}), torch {torch.__version__}")
    print_table(bench, options.family)
    print(*bench.failures, sep="\n")
    counts = {word: sum(result == word for result in bench.results.values()) for word in ("ok", "FAIL", "-")}
    print(f"{counts['ok']} good, {counts['FAIL']} bad, {counts['-']} that this device or family does not have")
    print(json.dumps(compare_ring(device) if is_real else {"ring": "not compared: there is no GPU"}, indent=2))
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
