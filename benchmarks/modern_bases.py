"""Attach, switch and batch modules as wide as FLUX.2's and Qwen-Image's conditioning, on denoisers of the real classes.

The modules have their full size (18 to 39M parameters). The denoisers read states of the full width, but have one block: attaching a
module and encoding prompts do not depend on the others. The base's own text encoder is left out, because no prompt is English.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.attach import attach
from benchmarks.clock import compare
from benchmarks.full_size import LANGUAGES, arguments, encoder, quiet, scratch

IN_WIDTH, HIDDEN, TOKENS = 1024, 2048, 128
"""Widths of the modules' text encoder (XLM-R large) and of their hidden layer; tokens of a prompt."""
RESIDENTS = (1, 64)
WORDS = ("aja", "mbwa", "kutta", "gou", "kalb", "nay", "gae", "wisha")


def flux2_klein(folder: Path) -> Path:
    """Save a FLUX.2 klein 4B with one block: it reads states of width 7680."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )

    transformer = Flux2Transformer2DModel(
        in_channels=128, num_layers=1, num_single_layers=1, attention_head_dim=128, num_attention_heads=2,
        joint_attention_dim=7680, guidance_embeds=False,
    )  # fmt: skip
    vae = AutoencoderKLFlux2(block_out_channels=(32,) * 4, layers_per_block=1)
    made = folder / "flux2-klein"
    Flux2KleinPipeline(FlowMatchEulerDiscreteScheduler(), vae, None, None, transformer).save_pretrained(made)  # type: ignore[arg-type]
    return made


def qwen_image(folder: Path) -> Path:
    """Save a Qwen-Image with one block: it reads states of width 3584 with a mask."""
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )

    transformer = QwenImageTransformer2DModel(num_layers=1, num_attention_heads=2, joint_attention_dim=3584)
    vae = AutoencoderKLQwenImage(base_dim=32)
    made = folder / "qwen-image"
    QwenImagePipeline(FlowMatchEulerDiscreteScheduler(), vae, None, None, transformer).save_pretrained(made)  # type: ignore[arg-type]
    return made


BASES: dict[str, Callable[[Path], Path]] = {"flux2-klein": flux2_klein, "qwen-image": qwen_image}


def modules(folder: Path, base: str, width: int, count: int) -> list[Path]:
    """Save `count` projectors to `width` in fp16, for the languages in turn; they link to one file of weights."""
    import torch

    from hub.systems.architectures import build
    from hub.weights.strict import save_weights

    sizes = {"in_width": IN_WIDTH, "hidden_width": HIDDEN, "out_width": width, "pooled_width": None}
    weights = folder / f"projector-{width}.safetensors"
    torch.manual_seed(0)
    save_weights(build("projector", sizes), weights, torch.float16)
    made = []
    for number in range(count):
        variant = folder / f"{base}-module-{number}"
        variant.mkdir()
        config = {
            "format": 1, "kind": "adapter", "method": "pea", "architecture": "projector", "module": sizes,
            "base": {"name": f"linguahub/{base}", "digest": ""},
            "encoder": {"name": f"linguahub/wide-{IN_WIDTH}", "digest": "", "readout": "last_hidden_state"},
            "conditioning": {"width": width, "length": TOKENS, "pooled_width": None, "mask": False},
            "prompt": {"prefix": "", "drop": [], "length": TOKENS}, "languages": [LANGUAGES[number % len(LANGUAGES)]],
            "run": {}, "parent": "",
        }  # fmt: skip
        (variant / "config.json").write_text(json.dumps(config), encoding="utf-8")
        os.link(weights, variant / "model.safetensors")
        made.append(variant)
    return made


def load_plainly(variant: Path) -> None:
    """Read the same weights, every byte, into the same class: the least that attaching can cost."""
    import torch
    from safetensors.torch import load

    from hub.systems.architectures import build

    with torch.device("meta"):
        module = build("projector", json.loads((variant / "config.json").read_text())["module"])
    module.load_state_dict(load((variant / "model.safetensors").read_bytes()), assign=True)


def measure(name: str, folder: Path, wide: Path, device: str) -> None:
    """Print the comparisons for one base."""
    import torch

    from hub import load_pipeline
    from hub.bases import conditioning_of

    base = BASES[name](folder)
    width = conditioning_of(base).width
    made = modules(folder, name, width, max(RESIDENTS) + 12)
    own = {"text_encoder": None, "tokenizer": None}
    pipe: Any = load_pipeline(base, device=device, dtype=torch.float16, encoder=wide, cache_bytes=0, **own)
    there = 0
    for count in RESIDENTS:
        for number in range(there, count):
            pipe.load_adapter(made[number])
        there = count + 6
        ours, theirs = iter(made[count:there]), itertools.cycle(made[count:there])
        compare(
            f"attaching a module to {name} costs at most 3 times reading its bytes",
            lambda ours=ours: attach(pipe, next(ours), device),  # type: ignore[misc]
            lambda theirs=theirs: load_plainly(next(theirs)),  # type: ignore[misc]
            "safetensors and load_state_dict of the same class",
            repetitions=5,
        ).report(base=name, width=width, residents=count, device=device)
    names = itertools.cycle(pipe._prompt_encoder.module_names())  # noqa: SLF001
    compare(
        "switching loaded modules takes at most 1 ms",
        lambda: pipe.set_adapters(next(names)),
        lambda: load_plainly(made[0]),
        "loading the module again",
        repetitions=50,
    ).report(base=name, residents=there, device=device)
    pipe = load_pipeline(base, made[: len(LANGUAGES)], device=device, encoder=wide, cache_bytes=0, **own)
    compare(
        "eight prompts in eight languages are encoded together at most as long as one by one",
        lambda: pipe.encode_prompt(list(WORDS), language=list(LANGUAGES)),
        lambda: [pipe.encode_prompt(word, language=tag) for word, tag in zip(WORDS, LANGUAGES, strict=True)],
        "one call per language",
        repetitions=10,
    ).report(base=name, prompts=len(WORDS), device=device)


def main() -> None:
    """Measure each base."""
    options = arguments(__doc__)
    with scratch(options.scratch) as folder:
        quiet()
        wide = encoder(folder, IN_WIDTH)
        for name in BASES:
            measure(name, folder, wide, options.device)


if __name__ == "__main__":
    main()
