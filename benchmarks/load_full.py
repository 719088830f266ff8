"""Loading a full-size SD 1.5 in fp16 beside diffusers' own `from_pretrained`: time, and memory of a process of its own."""

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
    """Times in this process, by turns; memory in one new process each."""
    given = arguments(__doc__)
    with scratch(given.scratch) as folder:
        sd15, wide, (module, *_) = base(folder), encoder(folder), adapters(folder, 1)
        quiet()
        comparison = compare(
            "load_pipeline of a full-size SD 1.5 takes at most 1.1 of from_pretrained's time",
            lambda: ours(sd15, given.device),
            lambda: theirs(sd15, given.device),
            "StableDiffusionPipeline.from_pretrained",
            REPETITIONS,
        )
        comparison.report(device=given.device)
        compare(
            "the same until every weight has been read",
            lambda: touch(ours(sd15, given.device)),
            lambda: touch(theirs(sd15, given.device)),
            "StableDiffusionPipeline.from_pretrained",
            REPETITIONS,
        ).report(device=given.device)
        compare(
            "the same with a module of 20.4M weights and its encoder",
            lambda: ours(sd15, given.device, adapter=module, encoder=wide),
            lambda: theirs(sd15, given.device),
            "StableDiffusionPipeline.from_pretrained, no module",
            REPETITIONS,
        ).report(device=given.device)
        for way in ("ours", "theirs"):
            subprocess.run([sys.executable, "-m", "benchmarks.load_full", way, str(sd15), given.device], check=True)


def ours(folder: Path, device: str, **more: Any) -> Any:
    """In fp16 on any device, as the peer."""
    import torch

    from hub import load_pipeline

    return load_pipeline(folder, device=device, dtype=torch.float16, **more)


def theirs(folder: Path, device: str) -> Any:
    """As a model card says."""
    import torch
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float16, use_safetensors=True).to(device)


def touch(pipe: Any) -> None:
    """Read every weight: those of a mapped file are only then in memory."""
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        for value in part.parameters():
            value.view(-1)[::1024].max().item()


def memory(way: str, folder: Path, device: str) -> None:
    """The most that this process held over what it held before, beside the bytes of the weights."""
    quiet()
    from diffusers import StableDiffusionPipeline  # noqa: F401 - imported before the first look

    from hub import load_pipeline  # noqa: F401

    before = held("VmRSS")
    pipe = (ours if way == "ours" else theirs)(folder, device)
    touch(pipe)
    weights = sum(each.nbytes for part in (pipe.unet, pipe.vae, pipe.text_encoder) for each in part.parameters())
    peak = held("VmHWM") - before
    claim = "the most memory while loading is at most the weights and a tenth"
    found = {
        "way": way,
        "weights_mb": round(weights / 1e6),
        "peak_mb": round(peak / 1e6),
        "anonymous_mb": round(held("RssAnon") / 1e6),
    }
    print(json.dumps({"claim": claim, **found, "ratio": round(peak / weights, 4), "device": device}, indent=2))


def held(what: str) -> int:
    """Bytes, by the name that /proc gives them."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(what)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in {"ours", "theirs"}:
        memory(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main()
