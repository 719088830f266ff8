"""Choose the types in which the frozen weights of a run are kept.

A denoiser that is only computed with takes half the memory in 16 bits, and a step then converts no weights. Text encoders keep the
type of their files. On a CPU, which computes 16 bits slowly, everything is in fp32, as is the autoencoder, which overflows in fp16.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from hub.bases.family import read_json
from hub.errors import InvalidRequest
from hub.weights.header import SUFFIX, tensors_in
from hub.weights.quantisation import check_quantisation
from trainers.loop.precision import has_bf16
from trainers.recipes.plan import Plan

STORED = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Name of a type in safetensors → torch's."""
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "no": torch.float32}
FULL = "no"
"""Value of a recipe's `quantise` that keeps all bits."""


@dataclass(frozen=True, slots=True)
class WeightTypes:
    """The types of the frozen weights of a run."""

    denoiser: torch.dtype
    quantise: str
    """`8bit` if the linear layers of the denoiser are quantised, else `no`."""
    reads_stored: bool
    """Whether text encoders keep the type of their files; otherwise they are in fp32."""
    has_bf16: bool

    def encoder(self, folder: Path) -> torch.dtype:
        """Return the type in which the encoder in `folder` is kept."""
        stored = stored_type(folder) if self.reads_stored else torch.float32
        return torch.float32 if stored is torch.bfloat16 and not self.has_bf16 else stored

    def of_base(self, folder: Path, denoiser: str) -> dict[str, torch.dtype]:
        """Return the types of the components of the base in `folder` that are not in fp32; `denoiser` is the name of one."""
        encoders = (each for each in sorted(folder.glob("text_encoder*")) if each.is_dir())
        return {denoiser: self.denoiser, **{each.name: self.encoder(each) for each in encoders}}


def weight_types(plan: Plan, device: torch.device, *, bf16: bool | None = None) -> WeightTypes:
    """Return the types for a plan on a device. `bf16`: whether the device computes in bf16; None asks it.

    Raises InvalidRequest for a plan that quantises a denoiser it copies or trains, or not in all phases, and MissingExtra.
    """
    bf16 = has_bf16(device) if bf16 is None else bf16
    wanted = {phase.recipe.quantise for phase in plan.phases}
    if wanted != {FULL}:
        if len(wanted) > 1:
            raise InvalidRequest(
                "all phases share one denoiser: set `quantise` for all of them, as in `--set quantise=8bit`."
            )
        if not plan.keeps_base:
            raise InvalidRequest(
                f"`{plan.name}` copies the base's weights to train them, and 8 bits cannot be trained: omit `quantise`."
            )
        check_quantisation(*wanted)
    (quantised,) = wanted
    if not plan.keeps_base or device.type == "cpu":
        return WeightTypes(torch.float32, quantised, reads_stored=False, has_bf16=bf16)
    precisions = {PRECISIONS[phase.recipe.precision] for phase in plan.phases}
    denoiser = precisions.pop() if len(precisions) == 1 else torch.float32
    if denoiser is torch.bfloat16 and not bf16:
        denoiser = torch.float32
    if denoiser is torch.float16 and quantised != FULL:  # Sums of 8-bit weights exceed the range of fp16.
        denoiser = torch.bfloat16 if bf16 else torch.float32
    return WeightTypes(denoiser, quantised, reads_stored=True, has_bf16=bf16)


def stored_type(folder: Path) -> torch.dtype:
    """Return the type of most weights in `folder`: of its first file, or according to its config.json if the weights are not here."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        sizes: Counter[str] = Counter()
        with path.open("rb") as opened:
            for each in tensors_in(opened):
                sizes[each.dtype] += each.numbers
        if sizes:
            return STORED.get(sizes.most_common(1)[0][0], torch.float32)
    config = read_json(folder / "config.json")
    written = str(config.get("dtype") or config.get("torch_dtype") or "float32").removeprefix("torch.")
    return {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(written, torch.float32)
