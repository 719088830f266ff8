"""Rules for how texts reach the encoder, shared by training and, through config.json, by the loader."""

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
    """`encode` (through the module), `zeros`, or `base` (the base's own embeddings)."""

    @classmethod
    def plain(cls, length: int) -> PromptRules:
        """Return the rules that pass every text unchanged, in `length` tokens."""
        return cls(PromptRule(length), PromptRule(length))

    @classmethod
    def parse(cls, written: Mapping[str, Any], *, what: str) -> PromptRules:
        """Parse the section `prompt` of config.json.

        Raises `InvalidRequest`, with all problems, for invalid rules or rules that keep different numbers of states.
        """
        problems = [f"`prompt.{key}` is not a prompt rule ({', '.join(KEYS)})" for key in written if key not in KEYS]
        positive, negative, empty = read_prompt(dict(written), problems)
        if not problems and positive.kept != negative.kept:
            problems.append(
                f"prompts keep {positive.kept} states but negative prompts {negative.kept}; they must be equal"
            )
        if problems:
            raise InvalidRequest(f"{what}: {'; '.join(problems)}.")
        return cls(positive, negative, empty)

    def config(self) -> dict[str, Any]:
        """Return the section `prompt` of config.json."""
        return {**_rule_config(self.positive), "negative": _rule_config(self.negative), "empty": self.empty}


def _rule_config(rule: PromptRule) -> dict[str, Any]:
    """Return a rule as in config.json, without `pooled` if it is the default: most bases have no pooled input."""
    written = {**asdict(rule), "drop": list(rule.drop)}
    if rule.pooled == "encode":
        del written["pooled"]
    return written
