"""The embeddings that a denoiser takes, and whether a module's output matches them.

Most denoisers read one stream of token embeddings. Some read more: HunyuanImage also reads glyphs, Hunyuan-DiT a second encoder.
A module returns all streams side by side along the channels; `hub.embeddings.split_streams` separates them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PACKINGS = ("padded", "list", "lengths")
"""Forms in which a denoiser takes a batch: one padded tensor, a list of tensors without padding, or one with lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One more sequence of token embeddings that a denoiser takes."""

    name: str
    """`glyphs`."""
    width: int
    """Channels of a token embedding in one layer."""
    length: int | None = None
    """Number of tokens; None for any."""
    layers: int = 1
    """Hidden layers of the encoder, as a separate axis."""
    mask: bool = False
    """Whether the denoiser distinguishes tokens from padding."""
    optional: bool = False
    """Whether a module can leave it to the base."""

    @property
    def channels(self) -> int:
        """Return the channels of a token in all layers."""
        return self.width * self.layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """The embeddings that a denoiser takes, which a module's output must match."""

    width: int
    """Channels of a token embedding in one layer."""
    length: int | None = None
    """Number of tokens; None for any."""
    pooled_width: int | None = None
    """Channels of the pooled vector; None without one."""
    mask: bool = False
    """Whether the denoiser distinguishes tokens from padding."""
    layers: int = 1
    """Hidden layers of the encoder, as a separate axis."""
    packing: str = PACKINGS[0]
    """The form in which the denoiser takes a batch: one of `PACKINGS`. The loader converts it, so it never decides a fit."""
    streams: tuple[Stream, ...] = ()
    """Further sequences, in the order of their channels."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the channels of each stream that a module fills; a module's width is their sum."""
        return (self.width * self.layers, *(each.channels for each in self.streams if not each.optional))

    def accepts(self, output: Conditioning) -> bool:
        """Return whether a denoiser that takes this accepts `output`, the conditioning that a module returns.

        Fewer tokens are padded for a denoiser that reads a mask.
        """
        return (
            output.channels == self.channels
            and output.layers == self.layers
            and (self.length is None or output.length == self.length or self._pads(output.length))
            and (self.pooled_width is None or output.pooled_width == self.pooled_width)
            and (self.mask or not output.mask)
        )

    def _pads(self, length: int | None) -> bool:
        return self.mask and length is not None and self.length is not None and length < self.length

    def describe(self) -> str:
        """Return a text such as `77 tokens of width 768, pooled 1280, with a mask`."""
        length = "any number of" if self.length is None else str(self.length)
        parts = [f"{length} tokens of width {format_width(self)}"]
        parts += [f"{each.name} of width {format_width(each)}" for each in self.streams]
        parts += [f"pooled {self.pooled_width}"] if self.pooled_width is not None else []
        parts += ["with a mask"] if self.mask else []
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return a JSON value; fields that most bases leave at their defaults appear only if set."""
        value = asdict(self)
        for name, default in (("layers", 1), ("packing", PACKINGS[0]), ("streams", ())):
            if value[name] == default:
                del value[name]
        if self.streams:
            value["streams"] = [asdict(each) for each in self.streams]
        return value


def format_width(stream: Conditioning | Stream) -> str:
    """Return `2560`, or `12 × 2560` for twelve layers."""
    return str(stream.width) if stream.layers == 1 else f"{stream.layers} × {stream.width}"


def read_conditioning(value: dict[str, Any]) -> Conditioning:
    """Return the conditioning of a value that has no `conditioning_problems`."""
    return Conditioning(**{**value, "streams": tuple(Stream(**each) for each in value.get("streams", ()))})


def conditioning_problems(value: object) -> list[str]:
    """Return why `value` is not a valid conditioning; empty if it is."""
    if not isinstance(value, dict):
        return ["`conditioning` must be a mapping with width, length, pooled_width and mask"]
    known = Conditioning.__dataclass_fields__
    problems = [f"`conditioning.{name}` is unknown" for name in value if name not in known]
    problems += _stream_problems("conditioning", value)
    if (pooled := value.get("pooled_width")) is not None and not _is_count(pooled):
        problems.append(f"`conditioning.pooled_width` is {pooled!r}, neither a number nor null")
    if (packing := value.get("packing", PACKINGS[0])) not in PACKINGS:
        problems.append(f"`conditioning.packing` is {packing!r}; choose one of {', '.join(PACKINGS)}")
    streams = value.get("streams", ())
    if not isinstance(streams, list | tuple):
        return [*problems, f"`conditioning.streams` is {streams!r}, not a list"]
    for place, stream in enumerate(streams):
        where = f"conditioning.streams[{place}]"
        if not isinstance(stream, dict):
            problems.append(f"`{where}` is {stream!r}, not a mapping with name and width")
            continue
        problems += [f"`{where}.{name}` is unknown" for name in stream if name not in Stream.__dataclass_fields__]
        if not isinstance(stream.get("name"), str) or not stream["name"].isidentifier():
            problems.append(f"`{where}.name` is {stream.get('name')!r}, not a plain name such as `glyphs`")
        if not isinstance(stream.get("optional", False), bool):
            problems.append(f"`{where}.optional` is {stream['optional']!r}, neither true nor false")
        problems += _stream_problems(where, stream)
    return problems


def _stream_problems(where: str, value: dict[str, Any]) -> list[str]:
    problems = []
    if not _is_count(value.get("width")):
        problems.append(f"`{where}.width` is {value.get('width')!r}, not a number of channels")
    if (length := value.get("length")) is not None and not _is_count(length):
        problems.append(f"`{where}.length` is {length!r}, neither a number nor null")
    if not _is_count(value.get("layers", 1)):
        problems.append(f"`{where}.layers` is {value['layers']!r}, not a number of layers")
    if not isinstance(value.get("mask", False), bool):
        problems.append(f"`{where}.mask` is {value['mask']!r}, neither true nor false")
    return problems


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
