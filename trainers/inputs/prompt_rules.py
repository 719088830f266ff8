"""How texts reach the encoder, in training and, through config.json, at load: one value for both, so they cannot differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hub.errors import InvalidRequest
from hub.loader.modules.module_config import PromptRule, read_prompt

KEYS = ("prefix", "drop", "length", "pooled", "negative", "empty")


@dataclass(frozen=True, slots=True)
class PromptRules:
    """Rules for prompts, for negative prompts, and for empty ones."""

    positive: PromptRule
    negative: PromptRule
    empty: str = "encode"
    """`encode` (through the module), `zeros`, or `base` (what the base's own encoder says)."""

    @classmethod
    def plain(cls, length: int) -> PromptRules:
        """Every text as it is, in `length` tokens."""
        return cls(PromptRule(length), PromptRule(length))

    @classmethod
    def parse(cls, written: Mapping[str, Any], *, what: str) -> PromptRules:
        """From what config.json calls `prompt`. InvalidRequest lists what is wrong; both rules must keep as many states."""
        problems = [f"`prompt.{key}` is no rule of prompts ({', '.join(KEYS)})" for key in written if key not in KEYS]
        positive, negative, empty = read_prompt(dict(written), problems)
        if not problems and positive.kept != negative.kept:
            problems.append(
                f"prompts leave {positive.kept} states and negative prompts {negative.kept}: a batch holds both"
            )
        if problems:
            raise InvalidRequest(f"{what}: {'; '.join(problems)}.")
        return cls(positive, negative, empty)

    def config(self) -> dict[str, Any]:
        """`prompt` of config.json."""
        return {**_written(self.positive), "negative": _written(self.negative), "empty": self.empty}


def _written(rule: PromptRule) -> dict[str, Any]:
    """`pooled` is written where it says anything: most bases have no pooled input."""
    written = {**asdict(rule), "drop": list(rule.drop)}
    if rule.pooled == "encode":
        del written["pooled"]
    return written
