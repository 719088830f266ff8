"""Build the models of a run from their configurations: shapes and types, and no weights.

Their weights become tensors of `Shaped`. Operations on them compute shapes alone, so a step of SDXL runs on a laptop within seconds.
Everything else, such as token ids and random numbers, is real.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from hub.bases.family import read_json
from hub.bases.frozen import FrozenBase
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.encoders.text_half import half_of
from hub.encoders.tokenizer import read_tokenizer
from hub.errors import DamagedFile
from hub.weights.devices import is_kept_in_float32
from trainers.forecast.shaped import CPU, META, Shaped


class Weightless:
    """Opens models on the device `meta`, where they can be copied, and then makes them compute shapes as if they were on the CPU."""

    def __init__(self, *, is_gpu: bool) -> None:
        """`is_gpu`: whether attention is fused, as on a GPU."""
        self._is_gpu = is_gpu
        self._made: dict[int, tuple[Tensor, Tensor]] = {}

    def tensor(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return a tensor without memory that computes shapes."""
        return Shaped.of(torch.empty(shape, dtype=dtype, device=META))

    def base(self, folder: Path, dtypes: Mapping[str, torch.dtype]) -> FrozenBase:
        """Return the base in `folder`, in fp32 except for the components in `dtypes`. Raises DoesNotFit and DamagedFile."""
        family, pipeline_class = FrozenBase.trained_family(folder)
        parts: dict[str, Any] = {}
        for name, value in read_json(folder / "model_index.json").items():
            if name.startswith("_"):
                continue
            parts[name] = value
            if isinstance(value, list):
                library, named = value
                made = None if named is None or name == "safety_checker" else self._part(folder / name, library, named)
                parts[name] = _convert(made, dtypes.get(name)) if isinstance(made, nn.Module) else made
        frozen = family.frozen if not self._is_gpu else _with_fused_attention(family.frozen)
        return cast(FrozenBase, frozen(family, pipeline_class(**parts), family.conditioning(folder), META))

    def _part(self, folder: Path, library: str, named: str) -> Any:
        """Return one component of a pipeline: a model without weights, or a tokenizer or a scheduler as it is stored."""
        made: Any = getattr(importlib.import_module(library), named)
        if not issubclass(made, nn.Module):
            return made.from_pretrained(folder)
        if library == "diffusers":
            return _on_meta(lambda: made.from_config(made.load_config(folder)))
        return _on_meta(lambda: made(_transformers_config(folder)))

    def encoder(self, folder: Path, dtype: torch.dtype, readout: str) -> TextEncoder:
        """Return the text encoder in `folder`. Raises DamagedFile."""
        import transformers

        written = read_json(folder / "config.json")
        half, architecture = half_of(written), (written.get("architectures") or [""])[0]
        headless = None if "For" in architecture else getattr(transformers, architecture, None)
        if half is not None:
            model = _on_meta(lambda: half.make(written))
        else:
            config, make = _transformers_config(folder), headless or transformers.AutoModel.from_config
            model = _on_meta(lambda: make(config))
        return TextEncoder(_freeze(_convert(model, dtype)), read_tokenizer(folder, what=folder.name), readout, folder)

    def dual_encoder(self, folder: Path) -> DualEncoder:
        """Return the dual encoder in `folder`, in fp32. Raises DamagedFile."""
        from transformers import AutoImageProcessor, AutoModel

        config = _transformers_config(folder)
        model = _freeze(_convert(_on_meta(lambda: AutoModel.from_config(config)), None))
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        return DualEncoder(model, read_tokenizer(folder, what=folder.name), processor)

    def start(self, base: Any, *models: nn.Module) -> None:
        """Let the tensors of `models` compute shapes as if they were on the CPU. Shared ones stay shared."""
        if isinstance(base, FrozenBase):
            base.device = CPU
        for module in (part for model in models for part in model.modules()):
            for values in (module._parameters, module._buffers, vars(module)):  # noqa: SLF001 - torch has no other way to replace them
                for name, value in values.items():
                    if isinstance(value, Tensor) and value.is_meta:
                        values[name] = self._started(value)  # type: ignore[assignment]

    def _started(self, value: Tensor) -> Tensor:
        if id(value) not in self._made:
            made = self.tensor(*value.shape, dtype=value.dtype)
            if isinstance(value, nn.Parameter):
                made = nn.Parameter(made, requires_grad=value.requires_grad)
            self._made[id(value)] = (value, made)  # With the old one, whose number another tensor could get.
        return self._made[id(value)][1]


def _convert(model: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    """Convert the parameters of a model on `meta` to `dtype` (fp32 if None), except those that the class keeps in fp32."""
    wanted = dtype or torch.float32
    is_kept = is_kept_in_float32(model, wanted)
    for name, parameter in model.named_parameters():
        parameter.data = parameter.data.to(torch.float32 if is_kept(name) else wanted)
    return model


def _freeze(model: nn.Module) -> nn.Module:
    return model.eval().requires_grad_(False)


def _with_fused_attention(frozen: type[Any]) -> type[Any]:
    """Return the class of a frozen base that leaves attention as it is, although its tensors are on the CPU."""
    return type(frozen.__name__, (frozen,), {"_prepare_denoiser": lambda _: None})


def _on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return make()


def _transformers_config(folder: Path) -> Any:
    """Return the configuration of a model of transformers. Raises DamagedFile."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise DamagedFile(
            f"the config.json of `{folder.name}` cannot be read: {str(error).partition('.')[0]}."
        ) from error
