"""All that `<variant>/config.json` says about running a module, beyond what the registry indexes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.bases.family import read_json
from hub.cards import read_variant
from hub.errors import WrongCard
from hub.records import Variant

WEIGHTS = "model.safetensors"
POOLED = ("encode", "zeros")
EMPTY = ("encode", "zeros", "base")
"""What an empty prompt may become: the module's answer to it, zeros, or the base's own encoding."""
READ_BY_BASE = ("lora", "prompt-tuning", "translator")
"""Architectures without a module of their own: the base's own text encoder reads the prompts, changed or translated."""
DELTAS = ("lora", "weights")
"""How changed weights of the denoiser are kept: a LoRA in PEFT's format, or all of them in diffusers'."""


@dataclass(frozen=True, slots=True)
class PromptRule:
    """How a prompt reaches the encoder."""

    length: int
    """Tokens given to the encoder, padded or cut, before any is dropped."""
    prefix: str = ""
    """Glued to the prompt."""
    drop: tuple[int, ...] = ()
    """Positions left out of the encoder's answer."""
    pooled: str = "encode"
    """What the pooled vector is, for bases that read one: `encode`, the module's answer, or `zeros`."""

    @property
    def kept(self) -> int:
        """Token states that reach the module."""
        return self.length - len(self.drop)


@dataclass(frozen=True, slots=True)
class EncoderRule:
    """How one encoder is asked."""

    readout: str = "last_hidden_state"
    sees_padding: bool = False
    """Whether it is given no mask, and attends to padding as to words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleConfig:
    """One variant, ready to be built."""

    variant: Variant
    kind: str
    module: dict[str, Any]
    """Sizes for `hub.systems.build`."""
    read_by: tuple[EncoderRule, ...]
    """How each encoder is asked, in the order of `variant.encoders`; one alone for an encoder inside the variant."""
    own_encoder: str
    """Folder of the variant that holds its own text encoder; empty when the encoder is an artifact or the base's."""
    own_digest: str
    """Of the weights in that folder."""
    delta: str
    """One of DELTAS, or empty when the denoiser stays as it is."""
    positive: PromptRule
    negative: PromptRule
    empty: str
    languages: tuple[str, ...]
    """BCP-47 tags it was made for; `mul` alone when it was made for no one language."""

    @property
    def readout(self) -> str:
        """Of the first encoder, or the only one."""
        return self.read_by[0].readout


def read_config(folder: Path) -> ModuleConfig:
    """Read `folder/config.json`. WrongCard lists what is wrong."""
    variant = read_variant(folder)
    config = read_json(folder / "config.json")
    problems: list[str] = []
    prompt = config.get("prompt")
    if not isinstance(prompt, dict):
        prompt, problems = {"length": 1}, ["`prompt` must say length, prefix, drop, negative and empty"]
    positive, negative, empty = read_prompt(prompt, problems)
    module = config.get("module")
    if not isinstance(module, dict):
        problems.append("`module` must give the sizes of the module")
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
    read_by = tuple(_reading(each, problems) for each in encoders)
    if problems:
        raise WrongCard(f"{folder.name}/config.json: {'; '.join(problems)}.")
    return ModuleConfig(
        variant=variant,
        kind=config.get("kind", "adapter"),
        module=dict(module or {}),
        read_by=read_by,
        own_encoder=own,
        own_digest=encoders[0].get("digest", "") if own else "",
        delta=delta.get("format", ""),
        positive=positive,
        negative=negative,
        empty=empty,
        languages=tuple(languages or ()),
    )


def _encoders(value: Any) -> list[dict[str, Any]]:
    """One or several, as `read_variant` let them pass; an empty one stands for the base's own."""
    return value if isinstance(value, list) and value else [value or {}]


def _reading(encoder: dict[str, Any], problems: list[str]) -> EncoderRule:
    readout, sees_padding = encoder.get("readout", "last_hidden_state"), encoder.get("sees_padding", False)
    if not isinstance(readout, str) or not isinstance(sees_padding, bool):
        problems.append(
            f"`encoder` must say its `readout` as text and `sees_padding` as true or false, not {encoder!r}"
        )
        return EncoderRule()
    return EncoderRule(readout, sees_padding)


def read_prompt(prompt: dict[str, Any], problems: list[str]) -> tuple[PromptRule, PromptRule, str]:
    """Rules for prompts and negative prompts, and what an empty one becomes; what is wrong is added to `problems`."""
    positive = _rule(prompt, "prompt", problems)
    negative = _rule(prompt["negative"], "prompt.negative", problems) if "negative" in prompt else positive
    empty = prompt.get("empty", "encode")
    if empty not in EMPTY:
        problems.append(f"`prompt.empty` is {empty!r}, none of {', '.join(EMPTY)}")
    return positive, negative, empty


def _rule(value: Any, where: str, problems: list[str]) -> PromptRule:
    value = value if isinstance(value, dict) else {}
    length, prefix, drop = value.get("length"), value.get("prefix", ""), value.get("drop", [])
    if not isinstance(length, int) or length < 1:
        problems.append(f"`{where}.length` is {length!r}, not a number of tokens")
        length = 1
    if not isinstance(prefix, str):
        problems.append(f"`{where}.prefix` is {prefix!r}, not text")
        prefix = ""
    if not isinstance(drop, list) or not all(isinstance(place, int) and 0 <= place < length for place in drop):
        problems.append(f"`{where}.drop` is {drop!r}, not a list of positions below {length}")
        drop = []
    pooled = value.get("pooled", "encode")
    if pooled not in POOLED:
        problems.append(f"`{where}.pooled` is {pooled!r}, none of {', '.join(POOLED)}")
        pooled = "encode"
    return PromptRule(length, prefix, tuple(drop), pooled)
