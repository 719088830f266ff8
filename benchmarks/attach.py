"""Attach a module with 20.4M parameters to a full-size SD 1.5 with 1 or 64 modules, and switch, against diffusers' LoRAs.

The timed LoRA has as many parameters; the LoRAs loaded before have rank 1, so that 64 fit in memory. The cost that grows with
the number of loaded LoRAs is the work per layer.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.clock import compare, milliseconds
from benchmarks.full_size import adapters, arguments, base, encoder, quiet, scratch

RESIDENTS = (1, 64)
REPETITIONS = 3
RANK = 100
"""Rank of a LoRA on all attention projections: 19.9M parameters in SD 1.5's UNet."""
PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]


def main() -> None:
    """For each number of loaded modules, attach one more, then switch among them."""
    from peft import LoraConfig

    options = arguments(__doc__)
    with scratch(options.scratch) as folder:
        quiet()
        sd15, wide = base(folder), encoder(folder)
        modules = adapters(folder, max(RESIDENTS) + REPETITIONS)
        timed = lora(folder, sd15)
        pipe, peer = load_ours(sd15, wide, options.device), load_peer(sd15, options.device)
        rank_1 = LoraConfig(r=1, target_modules=PROJECTIONS)
        there = 0
        for count in RESIDENTS:
            for number in range(there, count):
                pipe.load_adapter(modules[number])
                peer.unet.add_adapter(rank_1, f"lora-{number}")
            there = count
            compare_attaching(pipe, peer, modules[count : count + REPETITIONS], timed, count, options.device)
            there += REPETITIONS
            compare_switching(pipe, peer, count)


def compare_attaching(pipe: Any, peer: Any, modules: list[Path], lora_folder: Path, count: int, device: str) -> None:
    """Compare attaching: our modules accumulate to `count` + repetitions; the LoRA is removed each time."""
    own, other, alone, processor = [], [], [], []
    for module in modules:
        weights = module / "model.safetensors"
        alone.append(milliseconds(weights.read_bytes))
        started = time.process_time()
        own.append(milliseconds(lambda module=module: attach(pipe, module, device)))
        processor.append(1e3 * (time.process_time() - started))
        other.append(milliseconds(lambda: attach_lora(peer, lora_folder, device)))
        peer.delete_adapters("timed")
    found = {
        name: round(statistics.median(each), 2)
        for name, each in (("ours_ms", own), ("peer_ms", other), ("bytes_ms", alone))
    }
    print(
        json.dumps(
            {
                "claim": "attaching a module with 20.4M parameters takes at most 50 ms beyond reading its bytes",
                **found,
                "ours_least_ms": round(min(own), 2),
                "ours_processor_ms": round(statistics.median(processor), 2),
                "added_ms": round(found["ours_ms"] - found["bytes_ms"], 2),
                "peer_is": f"diffusers load_lora_weights, rank {RANK}, 19.9M parameters",
                "ratio": round(found["ours_ms"] / found["peer_ms"], 4),
                "residents": count,
                "repetitions": len(modules),
                "device": device,
            },
            indent=2,
        )
    )


def compare_switching(pipe: Any, peer: Any, count: int) -> None:
    """Compare switching, ours and the peer's in turn."""
    residents, names = (itertools.cycle(each) for each in (pipe._prompt_encoder.module_names(), lora_names(peer)))  # noqa: SLF001
    compare(
        "switching loaded modules takes at most 1 ms",
        lambda: pipe.set_adapters(next(residents)),
        lambda: peer.set_adapters(next(names)),
        "diffusers set_adapters of LoRAs, rank 1",
        repetitions=10,
    ).report(residents=count)


def attach(pipe: Any, module: Path, device: str) -> None:
    """Attach a module and wait until every weight is in memory."""
    name = pipe.load_adapter(module)
    for value in pipe._prompt_encoder._module_cache[name].module.parameters():  # noqa: SLF001 - a memory-mapped file is read when accessed
        value.view(-1)[::1024].max()
    synchronise(device)


def attach_lora(peer: Any, folder: Path, device: str) -> None:
    """Attach a LoRA as model cards show it."""
    peer.load_lora_weights(folder, adapter_name="timed")
    synchronise(device)


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def load_ours(sd15: Path, wide: Path, device: str) -> Any:
    """Return our pipeline without modules."""
    import torch

    from hub import load_pipeline

    return load_pipeline(sd15, device=device, dtype=torch.float16, encoder=wide)


def load_peer(sd15: Path, device: str) -> Any:
    """Return diffusers' pipeline of the same base."""
    import torch
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(sd15, dtype=torch.float16, use_safetensors=True).to(device)


def lora_names(peer: Any) -> list[str]:
    """Return the names of the loaded LoRAs."""
    return list(peer.get_list_adapters()["unet"])


def lora(folder: Path, sd15: Path, rank: int = RANK) -> Path:
    """Save a random LoRA on every attention projection of the UNet, in diffusers' format, fp16."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    made = folder / f"lora-{rank}"
    if (made / "pytorch_lora_weights.safetensors").is_file():
        return made
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(sd15, subfolder="unet"))
    weights = {}
    for name, layer in unet.named_modules():
        if isinstance(layer, torch.nn.Linear) and any(name.endswith(f".{each}") for each in PROJECTIONS):
            weights[f"unet.{name}.lora_A.weight"] = torch.randn(rank, layer.in_features, dtype=torch.float16)
            weights[f"unet.{name}.lora_B.weight"] = torch.zeros(layer.out_features, rank, dtype=torch.float16)
    made.mkdir(exist_ok=True)
    save_file(weights, made / "pytorch_lora_weights.safetensors", metadata={"format": "pt"})
    return made


if __name__ == "__main__":
    main()
