"""Check on a GPU what the tests check on a CPU: training in several precisions, resuming, and the memory that a step takes.

    python -m benchmarks.train_gpu_check                                    # one GPU, or a CPU with smaller sizes
    torchrun --nproc_per_node 2 -m benchmarks.train_gpu_check               # several
    ACCELERATE_USE_FSDP=true torchrun --nproc_per_node 2 -m benchmarks.train_gpu_check

The first training to run where a GPU is at hand. It prints one line for each check, and ends with exit code 1 if any fails. Models are
those of the tests with random weights, and a UNet and an autoencoder of the size of Stable Diffusion 1.5.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from trainers.frozen.foundation import DUAL_ENCODER, open_dual_encoder
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.latents.image_latents import IMAGES, PIXELS
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.release import release
from trainers.learners.denoiser_memory import convert_to_bf16, recompute_activations
from trainers.loop import sharding
from trainers.loop.checkpoint import gather_parts, trainable_tensors
from trainers.loop.distributed import close_process_group, device_of, open_accelerator
from trainers.loop.failures import compute_in_parts
from trainers.loop.loop import train
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan

METHODS = (
    ("full", "bf16"), ("mulan", "bf16"), ("iap", "bf16"), ("token-kd", "fp16"), ("pea", "fp16"), ("mclip", "fp16"), ("mte", "fp16"),
)  # fmt: skip
NEAR = 1e-4
"""Tolerance of weights after a resumed run: kernels of a GPU need not add in the same order."""
STEPS = 8


def main() -> int:
    """Run all checks; return 1 if any fails."""
    accelerator = open_accelerator("no", None)
    with tempfile.TemporaryDirectory() as own:
        # All processes use the folder of the main one.
        places = [own]
        if accelerator.num_processes > 1:
            torch.distributed.broadcast_object_list(places)
        root = Path(places[0])
        if accelerator.is_main_process:
            make_models(root)
        accelerator.wait_for_everyone()
        failed = [name for name, precision in METHODS if not check_method(name, precision, root, accelerator)]
        if accelerator.num_processes == 1:
            measure_steps(root, device_of(accelerator))
            measure_autoencoder(device_of(accelerator))
        accelerator.wait_for_everyone()
    close_process_group()
    return 1 if failed else 0


def make_models(root: Path) -> None:
    """Save the small base, encoder and dual encoder of the tests below `root`."""
    import tests.trainers.conftest as small

    class Folders:
        def mktemp(self, name: str) -> Path:
            (root / name).mkdir(parents=True, exist_ok=True)
            return root / name

    for fixture in (small.base_folder, small.encoder_folder, small.judge_folder):
        make: Callable[[Any], Path] = inspect.unwrap(fixture)  # type: ignore[arg-type]
        make(Folders())


def open_features(base: Any, root: Path, length: int, device: torch.device) -> FeatureDataset:
    """Return the corpus of the tests for a base."""
    from tests.builders.training.toy import ToyCorpus

    encoder = TextEncoder.from_folder(root / "encoders" / "tiny-xlmr", device=device, dtype=torch.float32)
    # The same base with a larger UNet has other latents.
    key = " ".join(str(getattr(base, name, "")) for name in ("latent_shape", "width", "pooled_width")) + f" {length}"
    store = Store(root / "caches", key, "e", quiet=True)
    return collect_features(
        ToyCorpus(), Mixture(("yo", "sw"), english_share=0.3), base, encoder, length=length, store=store
    )


def check_method(name: str, precision: str, root: Path, accelerator: Accelerator) -> bool:
    """Train the last phase of a method, then again from the middle; both must end in the same weights."""
    plan, device, main = get_plan(name), device_of(accelerator), accelerator.is_main_process
    if sharding.is_requested(accelerator) and name not in {"full", "iap"}:
        return True
    if plan.foundation is DUAL_ENCODER:
        base: Any = open_dual_encoder(root / "judges" / "tiny-judge", device)
    else:
        base = FrozenBase.open(root / "bases" / "tiny-sd", device)
    features, place, phase = open_features(base, root, plan.length or base.length, device), root / name, plan.phases[-1]
    precision = precision if device.type == "cuda" else "no"
    recipe = replace(phase.recipe, steps=STEPS, batch_size=8, warmup_steps=2, precision=precision)
    ends: list[dict[str, Tensor]] = []
    try:
        features.fill(plan.needs if not any(each.optional for each in plan.phases) else phase.needs)
        for _ in range(2):
            torch.manual_seed(0)
            module = plan.learner(base, features.encoder).module.to(device)
            release(features, module)
            run = train(
                phase.make(module, features), recipe, place, checkpoint_every=STEPS // 2, quiet=True, label=name
            )
            ends.append({key: value.cpu() for key, value in gather_parts(trainable_tensors(module), main=True).items()})
            accelerator.wait_for_everyone()
            if main:
                (place / f"checkpoint-{STEPS:07d}.safetensors").unlink()
            accelerator.wait_for_everyone()
    except Exception as error:  # noqa: BLE001 - the other checks are still of interest
        _say(main, f"FAIL {name} ({precision}): {type(error).__name__}: {str(error)[:200]}")
        return False
    apart = max((first - ends[1][key]).abs().max().item() for key, first in ends[0].items())
    is_good = apart <= NEAR
    _say(
        main,
        f"{'ok  ' if is_good else 'FAIL'} {name} ({precision}): loss {run.last_losses['loss']:.4f}, resumed {apart:.1e} apart",
    )
    return is_good


class Size(NamedTuple):
    """A denoiser of published size, in a small base: its text encoders stay small, since no step runs them."""

    base: str
    batch: int
    unet: dict[str, Any]


SIZES = {
    "Stable Diffusion 1.5": Size("sd15", 16, {"sample_size": 64, "attention_head_dim": 8}),
    "SDXL": Size(
        "sdxl",
        8,
        {
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "use_linear_projection": True,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
        },
    ),
}
MEASURED = (("mulan", False), ("mulan", True), ("pea", True))
"""Methods of which a step through the denoiser is measured, and whether activations are computed again."""


def measure_steps(root: Path, device: torch.device) -> None:
    """Print seconds and peak memory of a step through UNets of the sizes of Stable Diffusion 1.5 and SDXL."""
    for what in SIZES:
        for method, recompute in MEASURED:
            measure_step(what, method, torch.bfloat16, root, device, recompute=recompute)
    measure_step("Stable Diffusion 1.5", "mulan", torch.float32, root, device, recompute=False)


def measure_step(
    what: str, method: str, stored: torch.dtype, root: Path, device: torch.device, *, recompute: bool
) -> None:
    """Print seconds and peak memory of a step of the last phase of `method`, without its optimizer."""
    size, is_gpu = SIZES[what], device.type == "cuda"
    base = FrozenBase.open(save_once(size.base, root), device)
    base._pipeline.unet = make_unet(size, base, device)  # noqa: SLF001 - there is no base of this size here
    batch, plan = size.batch if is_gpu else 2, get_plan(method)
    features = open_features(base, root, plan.length or base.length, device)
    features.fill(plan.phases[-1].needs)
    module = plan.learner(base, features.encoder).module.to(device)
    release(features, module)
    if stored is torch.bfloat16:
        convert_to_bf16(base.denoiser)
    loss = plan.phases[-1].make(module, features).loss
    seconds = []
    if is_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with recompute_activations(base, module, enabled=recompute), torch.autocast(device.type, torch.bfloat16):
        for step in range(6):
            started = time.perf_counter()
            loss(Draw(step, torch.arange(batch) % 20 + 1, generator_of(0, "noise", step, 0))).total.backward()
            if is_gpu:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    found = {
        "step": f"{method}, UNet of {what}" if is_gpu else f"{method}, small UNet of {what}'s class",
        "stored": str(stored).removeprefix("torch."),
        "batch": batch,
        "recompute": recompute,
        "seconds": round(min(seconds), 4),
        "GB": round(torch.cuda.max_memory_allocated() / 1e9, 2) if is_gpu else None,
    }
    print(json.dumps(found), flush=True)


def save_once(name: str, root: Path) -> Path:
    """Save the small base of the tests called `name` below `root`, and return its folder."""
    from tests.builders.models.originals import save_original
    from tests.builders.models.tiny import clip_tokenizer

    folder = root / "originals" / name
    if not folder.is_dir():
        clip_tokenizer().save_pretrained(root / "tokenizer")
        save_original(name, folder, root / "tokenizer")
    return folder


def make_unet(size: Size, base: FrozenBase, device: torch.device) -> nn.Module:
    """Return a frozen random UNet of the size, or a small one of its class on a CPU, that reads what `base` gives."""
    from diffusers import UNet2DConditionModel

    settings = {**size.unet, "cross_attention_dim": base.width}
    if device.type != "cuda":
        small = tuple(32 for _ in settings.get("block_out_channels", range(4)))
        settings |= {"sample_size": 8, "block_out_channels": small, "attention_head_dim": 8}
        settings |= {"transformer_layers_per_block": 1}
    if base.pooled_width is not None:
        settings["projection_class_embeddings_input_dim"] = base.pooled_width + 6 * settings["addition_time_embed_dim"]
    with device:
        made: nn.Module = UNet2DConditionModel(**settings)
    return made.eval().requires_grad_(False)


def measure_autoencoder(device: torch.device) -> None:
    """Print the peak memory of encoding 64 images, at once and by their pixels as caches do."""
    if device.type != "cuda":
        return
    from diffusers import AutoencoderKL

    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    ).to(device)  # fmt: skip
    for side in (512, 1024):

        def encode(first: int, last: int, side: int = side) -> Tensor:
            with torch.no_grad():
                mean: Tensor = vae.encode(torch.zeros(last - first, 3, side, side, device=device)).latent_dist.mean
            return mean

        for size in (IMAGES, max(1, PIXELS // side**2)):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            parts = [
                len(each)
                for first in range(0, IMAGES, size)
                for each in compute_in_parts(encode, first, first + size, what="images")
            ]
            peak = torch.cuda.max_memory_allocated() / 1e9
            print(
                json.dumps({"encode": f"{IMAGES} of {side} px", "at once": max(parts), "GB": round(peak, 1)}),
                flush=True,
            )


def _say(main: bool, line: str) -> None:
    if main:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
