"""Check that the positions dropped by a prompt rule are those of its prefix in the tokens of an encoder.

Shape letters: L tokens of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.loader.modules.module_config import PromptRule
from trainers.inputs.prompt_rules import PromptRules

_PROBE = "a cat"
"""A text whose first token is one token with and without a space before it."""


def check_prefix(rules: PromptRules, encoder: TextEncoder, name: str) -> None:
    """Raise `InvalidRequest` if the positions that prompt rules drop are not those of their prefix in the encoder's tokens.

    Otherwise words of the prompt would be dropped. Published rules are written for one tokenizer: `summarize:` is a start token
    and three more in LLaMA's, and two without a start token in T5's. `name` is that of the encoder.
    """
    for rule, key in ((rules.positive, "prompt"), (rules.negative, "prompt.negative")):
        if not rule.drop:
            continue
        start, count = _prefix_place(rule, encoder)
        places = range(start, start + count)
        if set(places) <= set(rule.drop) <= set(range(start + count)):
            continue
        wanted, length = f"[{','.join(map(str, places))}]", rule.kept + count
        raise InvalidRequest(
            f"`{key}.drop` removes the tokens {_listed(rule.drop)}, but the prefix `{rule.prefix}` is {_listed(places)} in "
            f"`{name}`: set `--set {key}.drop={wanted} --set {key}.length={length}`, or choose the encoder of the recipe."
        )


def _prefix_place(rule: PromptRule, encoder: TextEncoder) -> tuple[int, int]:
    """Return the number of tokens before a rule's prefix, and of the prefix. Raises `InvalidRequest` for padding on the left."""

    def tokens(text: str) -> list[int]:
        ids_1L, mask_1L = encoder.tokenize([encoder.prefix + text], max(rule.length, 64))
        if not bool(mask_1L[0, 0]):
            raise InvalidRequest("`prompt.drop` needs an encoder whose tokenizer pads on the right.")
        found: list[int] = ids_1L[0][mask_1L[0].bool()].tolist()
        return found

    empty, plain, full = tokens(""), tokens(_PROBE), tokens(rule.prefix + _PROBE)
    pairs = zip(empty, plain, strict=False)  # They differ in length after the place where they part.
    start = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(empty), len(plain)))
    return start, len(full) - len(plain)


def _listed(places: Sequence[int]) -> str:
    return ", ".join(map(str, places)) or "none"
