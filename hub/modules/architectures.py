"""From the word in a variant's `config.json` to a module: a lazy table, open to other packages.

A package adds an architecture through the entry-point group `hub.modules`, under the name its configs use:

    [project.entry-points."hub.modules"]
    my-resampler = "my_package.resampler:MyResampler"
"""

from __future__ import annotations

import inspect
from typing import Any, cast

from torch import nn

from hub.errors import DoesNotFit
from hub.plugins import load, names

GROUP = "hub.modules"
ARCHITECTURES = {
    "resampler": "hub.modules.resampler:Resampler",
    "resampler-xl": "hub.modules.resampler_xl:ResamplerXL",
    "caption-projection": "hub.modules.caption_projection:CaptionProjection",
    "projector": "hub.modules.projector:Projector",
    "transformer-projector": "hub.modules.transformer_projector:TransformerProjector",
    "mixer": "hub.modules.mixer:Mixer",
    "timestep-resampler": "hub.modules.timestep_resampler:TimestepResampler",
    "transformation": "hub.modules.transformation:Transformation",
    "pooled-transformation": "hub.modules.pooled_transformation:PooledTransformation",
    "triangle": "hub.modules.triangle:Triangle",
    "bottleneck": "hub.modules.bottleneck:Bottleneck",
}
"""Name → `module:class` of those that come with the project."""


def build(architecture: str, config: dict[str, Any]) -> nn.Module:
    """A freshly initialised module of `architecture` with the sizes in `config`.

    Wrapped in `torch.device("meta")` it costs no memory, ready for `load_weights`. Raises DoesNotFit for an
    architecture nobody offers and for sizes the architecture does not have.
    """
    make = class_of(architecture)
    accepted = inspect.signature(make).parameters
    needed = {name for name, each in accepted.items() if each.default is inspect.Parameter.empty}
    problems = [f"`{name}` is missing" for name in sorted(needed - config.keys())]
    problems += [f"`{name}` is no setting of it" for name in sorted(config.keys() - accepted.keys())]
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
    """Whether such a module brings texts beside a dual encoder's pictures: its class has `features`.

    No for what nobody offers, `lora` say, which is no module of its own.
    """
    return architecture in names(GROUP, ARCHITECTURES) and hasattr(class_of(architecture), "features")


def class_of(architecture: str) -> type[nn.Module]:
    """The class called `architecture`; DoesNotFit lists those there are."""
    if architecture not in (known := names(GROUP, ARCHITECTURES)):
        listed = ", ".join(f"`{name}`" for name in known)
        raise DoesNotFit(
            f"no architecture is called `{architecture}`: this installation knows {listed}. Is a package missing?"
        )
    return cast(type[nn.Module], load(GROUP, architecture, ARCHITECTURES))
