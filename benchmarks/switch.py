"""Measure switching between loaded language modules against switching between loaded LoRAs of the same denoiser."""

from __future__ import annotations

import itertools
import logging

from benchmarks.clock import compare

MODULES = [f"linguahub/mulan-{language}" for language in ("yo", "sw", "hi", "zh", "ar")]


def main() -> None:
    """Compare `set_adapters` on both."""
    from diffusers import UNet2DConditionModel
    from diffusers.utils import logging as diffusers_logging
    from peft import LoraConfig

    from hub import load_pipeline
    from hub.local import LocalHub

    diffusers_logging.disable_progress_bar()
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    hub = LocalHub.open()
    pipe = load_pipeline("emoji-sd", adapter=MODULES, hub=hub)
    residents = itertools.cycle(pipe.get_active_adapters())
    unet = UNet2DConditionModel.from_pretrained(hub.snapshot("emoji-sd"), subfolder="unet")
    loras = [f"lora-{number}" for number in range(len(MODULES))]
    for name in loras:
        unet.add_adapter(LoraConfig(r=8, target_modules=["to_q", "to_k", "to_v"]), name)
    names = itertools.cycle(loras)
    compare(
        "switching loaded modules takes at most 1 ms",
        lambda: pipe.set_adapters(next(residents)),
        lambda: unet.set_adapters(next(names)),
        "diffusers set_adapters of LoRAs, rank 8",
        repetitions=200,
    ).report(residents=len(MODULES))


if __name__ == "__main__":
    main()
