"""Recognise the published format of a file by its keys and shapes, or name the nearest format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest, InvalidSource, WeightsDoNotFit
from hub.systems.altdiffusion.format import AltClip, AltDiffusionFiles, AltDiffusionM18
from hub.systems.ella.format import ELLA
from hub.systems.gluegen.format import GlueGen
from hub.systems.mclip.format import MClip, MClipNewNames
from hub.systems.mulan.format_pixart import MuLanPixArt
from hub.systems.mulan.format_sd import MuLan
from hub.systems.mulan.format_sdxl import MuLanXL
from hub.systems.multilingual_clip.format import MultilingualClip
from hub.systems.pea.format import PEA
from hub.systems.pea.format_sd3 import PEATransformer
from hub.systems.shared.published_format import ENCODER, MODULE, REST, Format, Reading, Shapes, Tensors
from hub.systems.x2i.format import X2I

if TYPE_CHECKING:
    from torch import Tensor

FORMATS: tuple[Format, ...] = (
    MuLan(),
    MuLanXL(),
    MuLanPixArt(),
    PEA(),
    PEATransformer(),
    X2I(),
    GlueGen(),
    ELLA(),
    MultilingualClip(),
    MClip(),
    MClipNewNames(),
    AltDiffusionFiles(),
    AltDiffusionM18(),
    AltClip(),
)
"""Formats are independent: anchors and `recognise` distinguish them."""
UNREAD = "Nothing was written: compare it with the published file, and download it again if they differ."


def format_named(name: str) -> Format:
    """Return the format called `name`, with or without its encoder. Raises InvalidRequest with all names."""
    known = {
        each.name: each
        for each in [*FORMATS, *(each.including_encoder for each in FORMATS if each.including_encoder is not None)]
    }
    if name not in known:
        listed = ", ".join(f"`{each}`" for each in known)
        raise InvalidRequest(f"unknown published format `{name}`: choose one of {listed}.")
    return known[name]


def recognise(shapes: Shapes, *, what: str, with_encoder: bool = False) -> tuple[Format, Reading]:
    """Return the format with these keys and shapes, and what the file contains.

    Raises InvalidSource if no format is near, WeightsDoNotFit with every difference from the nearest one.
    """
    for each in FORMATS:
        chosen = each.including_encoder if with_encoder and each.including_encoder is not None else each
        if any(anchor not in shapes for anchor in chosen.anchors):
            continue
        try:
            reading = chosen.recognise(shapes)
        except (KeyError, ValueError, IndexError) as error:
            raise WeightsDoNotFit(
                what, _differences_from(chosen, shapes, f"its shapes contradict each other ({error})"), UNREAD
            ) from error
        if reading is not None:
            return chosen, reading
    raise _unknown(shapes, what)


def tensors_to_convert(format: Format, tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors, of any shapes, that go into a variant."""
    return {key: value for key, value in tensors.items() if re.fullmatch(format.left, key) is None}


def disagreements_with(format: Format, reading: Reading, tensors: Tensors) -> list[str]:
    """Return every difference in keys, shapes and types between `tensors` and what `reading` expects, by the keys of the file."""
    import torch

    from hub.errors import DoesNotFit
    from hub.systems.architectures import build
    from hub.systems.shared.text_towers import build_encoder
    from hub.weights.strict import TensorEntry, disagreements_of

    try:
        with torch.device("meta"):
            files: dict[str, Tensors] = {MODULE: build(reading.architecture, reading.module).state_dict()}
            if reading.own_encoder:
                files[ENCODER] = build_encoder(reading.own_encoder, pooled=False).state_dict()
    except (DoesNotFit, ValueError, RuntimeError) as error:
        return [f"its sizes contradict each other ({error})"]
    aside = format.to_variant(tensors).get(REST, {})
    found = {key: TensorEntry(value.dtype, tuple(value.shape)) for key, value in tensors.items() if key not in aside}
    return disagreements_of(format.to_original(files), found)


def _unknown(shapes: Shapes, what: str) -> InvalidSource | WeightsDoNotFit:
    """Return an error with the nearest format: the one that fits most keys, then has most of its anchors in the file."""

    def nearness(format: Format) -> tuple[int, int]:
        fitting = sum(re.fullmatch(format.keys, key) is not None for key in shapes)
        return fitting, sum(anchor in shapes for anchor in format.anchors)

    nearest = max(FORMATS, key=nearness)
    fitting, _ = nearness(nearest)
    if 2 * fitting < len(shapes) or not fitting:
        some = ", ".join(f"`{key}`" for key in sorted(shapes)[:3])
        titles = "; ".join(each.title for each in FORMATS)
        return InvalidSource(
            f"`{what}` has {len(shapes)} tensors ({some} …), which match no supported format. Supported: {titles}."
        )
    return WeightsDoNotFit(what, _differences_from(nearest, shapes), UNREAD)


def _differences_from(format: Format, shapes: Shapes, *problems: str) -> list[str]:
    found = [f"the nearest published format is {format.title}", *problems]
    found += [f"`{anchor}` is missing" for anchor in format.anchors if anchor not in shapes]
    found += [f"`{key}` is unexpected" for key in sorted(shapes) if re.fullmatch(format.keys, key) is None]
    if len(found) == 1:
        found += [
            f"`{anchor}` is {'×'.join(map(str, shapes[anchor]))}, an unexpected shape" for anchor in format.anchors
        ]
    return found
