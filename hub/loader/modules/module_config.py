"""Parse the parts of `<variant>/config.json` that are needed to run a module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.bases.family import read_json
from hub.cards import read_variant
from hub.errors import InvalidCard
from hub.records import Variant

WEIGHTS = "model.safetensors"
POOLED = ("encode", "zeros")
EMPTY = ("encode", "zeros", "base")
"""Embeddings of an empty prompt: the module's, zeros, or the base's own."""
READ_BY_BASE = ("encoder-lora", "lora", "prompt-tuning", "translator")
"""Architectures without a module: the base's own text encoder reads the prompts, patched or translated."""
DELTAS = ("lora", "weights")
"""Formats of changed denoiser weights: a LoRA in PEFT's format, or all weights in diffusers'."""


@dataclass(frozen=True, slots=True)
class PromptRule:
    """How a prompt is passed to the encoder."""

    length: int
    """Tokens given to the encoder, padded or truncated, before positions are dropped."""
    prefix: str = ""
    """Prepended to the prompt."""
    suffix: str = ""
    """Appended to the prompt."""
    drop: tuple[int, ...] = ()
    """Positions removed from the encoder's output."""
    pooled: str = "encode"
    """Pooled vector for bases that read one: `encode` (the module's) or `zeros`."""

    @property
    def kept(self) -> int:
        """Return the number of token states given to the module."""
        return self.length - len(self.drop)


@dataclass(frozen=True, slots=True)
class EncoderRule:
    """How one encoder is read."""

    readout: str = "last_hidden_state"
    sees_padding: bool = False
    """Whether it runs without a mask, and attends to padding."""
    prefix: str = ""
    """Prepended to what this encoder reads, before the prompt's own prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleConfig:
    """The parsed configuration of one variant."""

    variant: Variant
    kind: str
    module: dict[str, Any]
    """Settings for `hub.systems.architectures.build`."""
    encoder_rules: tuple[EncoderRule, ...]
    """How each encoder is read, in the order of `variant.encoders`; one item for an encoder inside the variant."""
    own_encoder: str
    """Folder of the variant with its own text encoder; empty if the encoder is an artifact or the base's."""
    own_digest: str
    """Digest of that folder."""
    delta: str
    """One of DELTAS, or empty if the denoiser is unchanged."""
    positive: PromptRule
    negative: PromptRule
    empty: str
    languages: tuple[str, ...]
    """BCP-47 tags it was trained for; `mul` alone if it is not tied to languages."""

    @property
    def readout(self) -> str:
        """Return the readout of the first encoder."""
        return self.encoder_rules[0].readout


def read_config(folder: Path) -> ModuleConfig:
    """Read `folder/config.json`. Raises InvalidCard, which lists every problem."""
    variant = read_variant(folder)
    config = read_json(folder / "config.json")
    problems: list[str] = []
    prompt = config.get("prompt")
    if not isinstance(prompt, dict):
        prompt, problems = {"length": 1}, ["`prompt` must have length, prefix, drop, negative and empty"]
    positive, negative, empty = read_prompt(prompt, problems)
    module = config.get("module")
    if not isinstance(module, dict):
        problems.append("`module` must hold the settings of the architecture")
    encoders = _encoders(config.get("encoder"))
    languages = config.get("languages")
    if not (isinstance(languages, list) and languages and all(isinstance(tag, str) for tag in languages)):
        problems.append("`languages` must list at least one BCP-47 tag, or `mul`")
    own = encoders[0].get("folder", "")
    if variant.encoder is None and not own and variant.architecture not in READ_BY_BASE:
        problems.append("`encoder` must name the text encoder and its digest")
    delta = config.get("delta") or {}
    if delta and (not isinstance(delta, dict) or delta.get("format") not in DELTAS):
        problems.append(f"`delta` is {delta!r}: its `format` must be one of {', '.join(DELTAS)}")
    encoder_rules = tuple(_reading(each, problems) for each in encoders)
    if problems:
        raise InvalidCard(f"{folder.name}/config.json: {'; '.join(problems)}.")
    return ModuleConfig(
        variant=variant,
        kind=config.get("kind", "adapter"),
        module=dict(module or {}),
        encoder_rules=encoder_rules,
        own_encoder=own,
        own_digest=encoders[0].get("digest", "") if own else "",
        delta=delta.get("format", ""),
        positive=positive,
        negative=negative,
        empty=empty,
        languages=tuple(languages or ()),
    )


def _encoders(value: Any) -> list[dict[str, Any]]:
    """Return one or several, as `read_variant` accepts them; an empty one stands for the base's own."""
    return value if isinstance(value, list) and value else [value or {}]


def _reading(encoder: dict[str, Any], problems: list[str]) -> EncoderRule:
    readout, sees_padding = encoder.get("readout", "last_hidden_state"), encoder.get("sees_padding", False)
    prefix = encoder.get("prefix", "")
    if not isinstance(readout, str) or not isinstance(sees_padding, bool) or not isinstance(prefix, str):
        problems.append(
            f"`encoder` needs `readout` and `prefix` as text and `sees_padding` as true or false, not {encoder!r}"
        )
        return EncoderRule()
    return EncoderRule(readout, sees_padding, prefix)


def read_prompt(prompt: dict[str, Any], problems: list[str]) -> tuple[PromptRule, PromptRule, str]:
    """Return the rules for prompts, negative prompts and empty prompts; appends to `problems`."""
    positive = _rule(prompt, "prompt", problems)
    negative = _rule(prompt["negative"], "prompt.negative", problems) if "negative" in prompt else positive
    empty = prompt.get("empty", "encode")
    if empty not in EMPTY:
        problems.append(f"`prompt.empty` is {empty!r}, not one of {', '.join(EMPTY)}")
    return positive, negative, empty


def _rule(value: Any, where: str, problems: list[str]) -> PromptRule:
    value = value if isinstance(value, dict) else {}
    length, drop = value.get("length"), value.get("drop", [])
    if not isinstance(length, int) or length < 1:
        problems.append(f"`{where}.length` is {length!r}, not a number of tokens")
        length = 1
    around = {"prefix": value.get("prefix", ""), "suffix": value.get("suffix", "")}
    for name, text in around.items():
        if not isinstance(text, str):
            problems.append(f"`{where}.{name}` is {text!r}, not text")
            around[name] = ""
    if not isinstance(drop, list) or not all(isinstance(place, int) and 0 <= place < length for place in drop):
        problems.append(f"`{where}.drop` is {drop!r}, not a list of positions below {length}")
        drop = []
    pooled = value.get("pooled", "encode")
    if pooled not in POOLED:
        problems.append(f"`{where}.pooled` is {pooled!r}, not one of {', '.join(POOLED)}")
        pooled = "encode"
    return PromptRule(length, drop=tuple(drop), pooled=pooled, **around)
