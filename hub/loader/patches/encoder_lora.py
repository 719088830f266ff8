"""A LoRA of the base's own text encoder, for bases whose encoder is a language model that nearly knows the language.

FLUX.2, Qwen-Image and Z-Image read prompts with a language model. Replacing it would lose what it knows, so a module changes it a
little, and only while it encodes that module's prompts: English is encoded as before, in the same batch.
The folder is PEFT's: `adapter_config.json` and `adapter_model.safetensors`. A LoRA of the denoiser may come with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.bases.family import read_json
from hub.bases.patch import Patch
from hub.errors import DoesNotFit, HubError, InvalidSource, WeightsDoNotFit
from hub.loader.patches.inject_lora import SIDES, inject_lora, layers_with
from hub.loader.patches.patches import unwrap
from hub.weights.strict import TensorEntry, read_header

ARCHITECTURE = "encoder-lora"
CONFIG, FILE = "adapter_config.json", "adapter_model.safetensors"
"""PEFT's file names."""
PREFIX = "base_model.model."
"""PEFT's prefix of the names of layers."""


class EncoderLora(Patch):
    """A LoRA that is active only inside `reading()`."""

    def __init__(self, pipe: Any, folder: Path, name: str, component: str) -> None:
        """Add `folder`'s LoRA to the text encoder `component`. Raises DoesNotFit, InvalidSource, WeightsDoNotFit and DamagedFile."""
        encoder = getattr(pipe, component, None)
        if not component.startswith("text_encoder") or not isinstance(encoder, nn.Module):
            raise DoesNotFit(
                f"`{name}` changes the component `{component}`, and this pipeline has no such text encoder: choose a base that it "
                f"was trained for (`hub show {name}`)."
            )
        config = _read_config(folder, name)
        header = read_header(folder / FILE, what=name)
        if problems := _problems(encoder, header, int(config["r"])):
            raise WeightsDoNotFit(name, problems)
        self.name = name
        # peft keeps adapters in an `nn.ModuleDict`, whose keys have no dots. The module's LoRA of the denoiser has the plain name.
        self.adapter = f"{name.replace('.', '_')}-encoder"
        self._encoder = encoder
        paths = {key.removeprefix(PREFIX).removesuffix(side) for key in header for side in SIDES if key.endswith(side)}
        inject_lora(
            encoder,
            folder / FILE,
            PREFIX,
            dict.fromkeys(sorted(paths), int(config["r"])),
            self.adapter,
            alpha=config.get("lora_alpha", 8),
            use_rslora=bool(config.get("use_rslora", False)),
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Activate the LoRA within a `with` block, beside other LoRAs of the encoder.

        Raises DoesNotFit if `unload_lora_weights` has removed it.
        """
        if not self._layers():
            raise DoesNotFit(
                f"the LoRA of `{self.name}` was removed from the text encoder by `unload_lora_weights`: use "
                "`delete_adapters` for your own LoRAs, and load the module again."
            )
        self._activate(True)
        try:
            yield
        finally:
            self._activate(False)

    def remove(self) -> None:
        """Remove the LoRA. Layers without another one are plain again."""
        for layer in self._layers():
            layer.delete_adapter(self.adapter)
        unwrap(self._encoder)

    def move(self, device: torch.device) -> None:
        """Do nothing: the LoRA moves with the encoder."""

    def _activate(self, on: bool) -> None:
        for layer in self._layers():
            others = [each for each in layer.active_adapters if each != self.adapter]
            layer.set_adapter([*others, self.adapter] if on else others, inference_mode=True)

    def _layers(self) -> list[Any]:
        return layers_with([self._encoder], self.adapter)


def _read_config(folder: Path, name: str) -> dict[str, Any]:
    """Return PEFT's configuration. Raises InvalidSource unless it is a plain LoRA of linear layers."""
    config = read_json(folder / CONFIG)
    refused = [
        key for key in ("modules_to_save", "use_dora", "layers_to_transform", "megatron_config") if config.get(key)
    ]
    if config.get("bias", "none") != "none":
        refused.append("bias")
    if config.get("peft_type") != "LORA" or not isinstance(config.get("r"), int) or config["r"] < 1 or refused:
        found = (
            f"sets {', '.join(refused)}"
            if refused
            else f"has type {config.get('peft_type')!r} and rank {config.get('r')!r}"
        )
        raise InvalidSource(
            f"{CONFIG} of `{name}` {found}; only a plain LoRA is supported: save it with `LoraConfig(r=…, target_modules=…)`."
        )
    if not isinstance(config.get("lora_alpha", 8), int | float):
        raise InvalidSource(
            f"{CONFIG} of `{name}` has the invalid `lora_alpha` {config['lora_alpha']!r}: it must be a number."
        )
    return config


def _problems(encoder: nn.Module, header: dict[str, TensorEntry], rank: int) -> list[str]:
    """Return why a LoRA with this header does not fit `encoder`; empty if it fits."""
    linear = {path: each for path, each in encoder.named_modules() if isinstance(each, nn.Linear)}
    problems = []
    for key, entry in sorted(header.items()):
        side = next((each for each in SIDES if key.endswith(each)), "")
        path = key.removeprefix(PREFIX).removesuffix(side)
        layer = linear.get(path) or linear.get(f"{path}.base_layer")
        if not side or layer is None or not key.startswith(PREFIX):
            problems.append(f"`{key}` is unexpected")
            continue
        wanted = (rank, layer.in_features) if side == SIDES[0] else (layer.out_features, rank)
        if tuple(entry.shape) != wanted:
            shapes = ["×".join(map(str, each)) for each in (entry.shape, wanted)]
            problems.append(f"`{key}` is {shapes[0]} and should be {shapes[1]}")
    for key in header:
        other = key.replace("lora_A", "lora_?").replace("lora_B", "lora_A").replace("lora_?", "lora_B")
        if other not in header:
            problems.append(f"`{other}` is missing")
    return problems if header else ["it is empty"]


def encoder_loras(pipe: Any, folder: Path, name: str, settings: Mapping[str, Any]) -> list[Patch]:
    """Add the LoRAs of a module's `settings`: of one `component`, or of several `components`, each in a folder of its name.

    Raises what `EncoderLora` raises, and leaves the pipeline unchanged then.
    """
    components = settings.get("components")
    if not components:
        return [EncoderLora(pipe, folder, name, str(settings.get("component", "text_encoder")))]
    added: list[Patch] = []
    try:
        added.extend(EncoderLora(pipe, folder / str(each), name, str(each)) for each in components)
    except HubError:
        for each in added:
            each.remove()
        raise
    return added


@contextmanager
def reading(patch: Patch | None) -> Iterator[None]:
    """Activate the encoder LoRAs of `patch` within a `with` block, in which the base reads prompts of its module."""
    with ExitStack() as active:
        for each in getattr(patch, "patches", (patch,)):
            if isinstance(each, EncoderLora):
                active.enter_context(each.reading())
        yield
