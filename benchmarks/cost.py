"""Measure a module's share of an image of 20 steps: ours runs once before the loop, mulankit's at every step.

Both use the same module, MuLan's resampler with 20.4M parameters on states of width 4096, and SD 1.5's UNet with guidance. On a GPU
the image has 512 × 512 pixels, and complete loops are timed as well. On a CPU it has 256 × 256 pixels, so that the module's share is
larger than at full size, and the time of one step is multiplied.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.clock import compare, milliseconds
from benchmarks.full_size import ENCODER_WIDTH, LENGTH, WIDTH, adapters, arguments, base, quiet, scratch

STEPS = 20
ROWS = 2
"""A prompt and its negative prompt."""


def main() -> None:
    """Time the module and a step of the UNet."""
    import torch
    from diffusers import UNet2DConditionModel

    from hub.loader.modules.module_config import read_config
    from hub.systems.architectures import build
    from hub.weights.strict import load_weights

    options = arguments(__doc__)
    on_gpu = options.device.startswith("cuda")
    side = 64 if on_gpu else 32
    dtype = torch.float16 if on_gpu else torch.float32
    with scratch(options.scratch) as folder, torch.no_grad():
        quiet()
        (variant,) = adapters(folder, 1)
        module = build("resampler", read_config(variant).module).eval()
        load_weights(module, variant / "model.safetensors", what=variant.name, device=options.device, dtype=dtype)
        unet = UNet2DConditionModel.from_pretrained(base(folder), subfolder="unet", dtype=dtype).to(options.device)
        states_BLE = torch.randn(ROWS, LENGTH, ENCODER_WIDTH, dtype=dtype, device=options.device)
        noise_BKHW = torch.randn(ROWS, 4, side, side, dtype=dtype, device=options.device)

        def embeddings() -> Any:
            tokens_BLC = module(states_BLE).tokens_BLC
            if on_gpu:
                torch.cuda.synchronize()
            return tokens_BLC

        read_BLC = embeddings()

        def step(tokens_BLC: Any = read_BLC) -> None:
            unet(noise_BKHW, 500, encoder_hidden_states=tokens_BLC)
            if on_gpu:
                torch.cuda.synchronize()

        def once() -> None:
            tokens_BLC = embeddings()
            for _ in range(STEPS):
                step(tokens_BLC)

        def every_step() -> None:
            for _ in range(STEPS):
                step(embeddings())

        report_shares(embeddings, step, side, repetitions=20 if on_gpu else 3, device=options.device)
        if on_gpu:
            compare(
                "20 steps, the module once", once, every_step, "the module at every step, as mulankit does"
            ).report()


def report_shares(
    embeddings: Callable[[], object], step: Callable[[], object], side: int, repetitions: int, device: str
) -> None:
    """Report the module's share of 20 steps, from the medians of both, timed in turn."""
    embeddings()
    times = [(milliseconds(embeddings), milliseconds(step)) for _ in range(repetitions)]
    module_ms, step_ms = (statistics.median(each) for each in zip(*times, strict=True))
    loop_ms = STEPS * step_ms
    print(
        json.dumps(
            {
                "claim": "a module takes at most 0.02 of an image of 20 steps",
                "module_ms": round(module_ms, 2),
                "step_ms": round(step_ms, 2),
                "image_ms": round(loop_ms + module_ms, 1),
                "image_is": f"{STEPS} times the step that was timed; without the autoencoder",
                "share": round(module_ms / (loop_ms + module_ms), 5),
                "share_at_every_step": round(STEPS * module_ms / (loop_ms + STEPS * module_ms), 5),
                "peer_is": "the module at every step, as mulankit does",
                "ratio": round((loop_ms + module_ms) / (loop_ms + STEPS * module_ms), 5),
                "pixels": 8 * side,
                "states": [ROWS, LENGTH, ENCODER_WIDTH],
                "embeddings": [ROWS, 120, WIDTH],
                "repetitions": repetitions,
                "device": device,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
