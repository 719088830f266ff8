"""Build modules by the architecture named in a variant's `config.json`: a lazy table, open to other packages.

A package adds an architecture through the entry-point group `hub.systems`, under the name its configs use:

    [project.entry-points."hub.systems"]
    my-resampler = "my_package.resampler:MyResampler"
"""

from __future__ import annotations

import inspect
from typing import Any, cast

from torch import nn

from hub.errors import DoesNotFit
from hub.plugins import load, names

GROUP = "hub.systems"
ARCHITECTURES = {
    "resampler": "hub.systems.mulan.resampler:Resampler",
    "resampler-xl": "hub.systems.mulan.resampler_xl:ResamplerXL",
    "caption-projection": "hub.systems.mulan.caption_projection:CaptionProjection",
    "projector": "hub.systems.pea.projector:Projector",
    "transformer-projector": "hub.systems.pea.transformer_projector:TransformerProjector",
    "align-net": "hub.systems.x2i.align_net:AlignNet",
    "mixer": "hub.systems.gluegen.mixer:Mixer",
    "timestep-resampler": "hub.systems.ella.timestep_resampler:TimestepResampler",
    "transformation": "hub.systems.altdiffusion.linear_head:Transformation",
    "pooled-transformation": "hub.systems.multilingual_clip.pooled_head:PooledTransformation",
    "triangle": "hub.systems.mclip.projectors:Triangle",
    "bottleneck": "hub.systems.bottleneck:Bottleneck",
    "phrase-memory": "hub.systems.phrase_memory:PhraseMemory",
}
"""Name → `module:class` of the built-in architectures."""


def build(architecture: str, config: dict[str, Any]) -> nn.Module:
    """Build a freshly initialised module of `architecture` with the settings in `config`.

    Under `torch.device("meta")` it takes no memory and is ready for `load_weights`. Raises DoesNotFit for an unknown
    architecture and for settings that it does not have.
    """
    make = class_of(architecture)
    accepted = inspect.signature(make).parameters
    needed = {name for name, each in accepted.items() if each.default is inspect.Parameter.empty}
    problems = [f"`{name}` is missing" for name in sorted(needed - config.keys())]
    problems += [f"`{name}` is not one of its settings" for name in sorted(config.keys() - accepted.keys())]
    if problems:
        raise DoesNotFit(
            f"the architecture `{architecture}` cannot be built from {config}: {'; '.join(problems)}. "
            f"It takes {', '.join(accepted)}."
        )
    try:
        return make(**config)
    except (TypeError, ValueError) as error:
        raise DoesNotFit(f"the architecture `{architecture}` cannot be built from {config}: {error}") from error


def retrieves(architecture: str) -> bool:
    """Return whether its modules map texts and images to one space: their class has `features`.

    False for names without an architecture, for example `lora`.
    """
    return architecture in names(GROUP, ARCHITECTURES) and hasattr(class_of(architecture), "features")


def class_of(architecture: str) -> type[nn.Module]:
    """Return the class called `architecture`. Raises DoesNotFit, which lists the known ones."""
    if architecture not in (known := names(GROUP, ARCHITECTURES)):
        listed = ", ".join(f"`{name}`" for name in known)
        raise DoesNotFit(
            f"unknown architecture `{architecture}`: choose one of {listed}, or install the package that provides it."
        )
    return cast(type[nn.Module], load(GROUP, architecture, ARCHITECTURES))
