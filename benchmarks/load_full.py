"""Measure loading a full-size SD 1.5 in fp16 against diffusers' `from_pretrained`: time, and memory in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.clock import compare
from benchmarks.full_size import adapters, arguments, base, encoder, quiet, scratch

REPETITIONS = 5


def main() -> None:
    """Measure times in this process, in turn, and memory in one new process each."""
    options = arguments(__doc__)
    with scratch(options.scratch) as folder:
        sd15, wide, (module, *_) = base(folder), encoder(folder), adapters(folder, 1)
        quiet()
        comparison = compare(
            "load_pipeline of a full-size SD 1.5 takes at most 1.1 of from_pretrained's time",
            lambda: load_ours(sd15, options.device),
            lambda: load_peer(sd15, options.device),
            "StableDiffusionPipeline.from_pretrained",
            REPETITIONS,
        )
        comparison.report(device=options.device)
        compare(
            "the same until every weight has been read",
            lambda: touch(load_ours(sd15, options.device)),
            lambda: touch(load_peer(sd15, options.device)),
            "StableDiffusionPipeline.from_pretrained",
            REPETITIONS,
        ).report(device=options.device)
        compare(
            "the same with a module with 20.4M parameters and its encoder",
            lambda: load_ours(sd15, options.device, adapter=module, encoder=wide),
            lambda: load_peer(sd15, options.device),
            "StableDiffusionPipeline.from_pretrained, no module",
            REPETITIONS,
        ).report(device=options.device)
        for way in ("ours", "theirs"):
            subprocess.run([sys.executable, "-m", "benchmarks.load_full", way, str(sd15), options.device], check=True)


def load_ours(folder: Path, device: str, **more: Any) -> Any:
    """Load our pipeline in fp16 on any device, as the peer does."""
    import torch

    from hub import load_pipeline

    return load_pipeline(folder, device=device, dtype=torch.float16, **more)


def load_peer(folder: Path, device: str) -> Any:
    """Load diffusers' pipeline as model cards show it."""
    import torch
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float16, use_safetensors=True).to(device)


def touch(pipe: Any) -> None:
    """Read every weight: only then are those of a memory-mapped file in memory."""
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        for value in part.parameters():
            value.view(-1)[::1024].max().item()


def measure_memory(way: str, folder: Path, device: str) -> None:
    """Print the peak memory beyond the start, of this process or on a GPU of the device, next to the size of the weights."""
    import torch

    quiet()
    from diffusers import StableDiffusionPipeline  # noqa: F401 - imported before the first measurement

    from hub import load_pipeline  # noqa: F401

    before = read_memory("VmRSS")
    pipe = (load_ours if way == "ours" else load_peer)(folder, device)
    touch(pipe)
    weights = sum(each.nbytes for part in (pipe.unet, pipe.vae, pipe.text_encoder) for each in part.parameters())
    on_gpu = device.startswith("cuda")
    peak = torch.cuda.max_memory_allocated(device) if on_gpu else read_memory("VmHWM") - before
    claim = "peak memory while loading is at most 1.1 times the weights"
    found = {
        "way": way,
        "weights_mb": round(weights / 1e6),
        "peak_mb": round(peak / 1e6),
        "anonymous_mb": round(read_memory("RssAnon") / 1e6),
    }
    print(json.dumps({"claim": claim, **found, "ratio": round(peak / weights, 4), "device": device}, indent=2))


def read_memory(what: str) -> int:
    """Return a memory figure of /proc in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(what)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in {"ours", "theirs"}:
        measure_memory(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main()
