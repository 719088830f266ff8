"""Check before the first step whether a plan fits: for the base from its configuration files alone, for the encoder's tokenizer.

Shape letters: L tokens of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.bases.family import families, family_of, pipeline_class_of
from hub.conditioning import Conditioning
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.modules.module_config import PromptRule
from trainers.inputs.prompt_rules import PromptRules

if TYPE_CHECKING:
    from trainers.recipes.plan import Plan


def check_fit(plan: Plan, folder: Path, name: str) -> None:
    """Raise `DoesNotFit` if `plan` cannot be trained for the pipeline in `folder`, called `name`; it says what can be.

    Plans for dual encoders take any base that their foundation finds.
    """
    if not plan.conditions_pipeline:
        return
    family, pipeline_class = family_of(folder, what=name), pipeline_class_of(folder)
    if pipeline_class not in family.trained_classes:
        known = ", ".join(sorted(each for one in families() for each in one.trained_classes))
        raise DoesNotFit(f"`{name}` is a {pipeline_class}, and training supports bases of class {known}.")
    conditioning = family.conditioning(folder)
    if reason := _misfit(plan, family.denoiser, conditioning):
        others = [each for each in _all_plans() if each.conditions_pipeline]
        fitting = [f"`{each.name}`" for each in others if not _misfit(each, family.denoiser, conditioning)]
        raise DoesNotFit(
            f"`{plan.name}` cannot be trained for `{name}` ({family.name}): {reason}. "
            f"This base can be trained with {', '.join(fitting) or 'no bundled method'}."
        )


def _misfit(plan: Plan, denoiser: str, conditioning: Conditioning) -> str:
    """Return why the denoiser cannot be conditioned by what the plan trains; empty if it can."""
    if plan.needs_unet and denoiser != "unet":
        return "it trains through the cross-attention of a UNet, and this base has a transformer"
    if conditioning.pooled_width is not None and "pooled" not in plan.gives:
        return "the base reads a pooled vector, which this method does not train"
    if conditioning.mask and "mask" not in plan.gives:
        return "the base reads a mask, which this method does not return"
    return ""


def _all_plans() -> list[Plan]:
    """Return the bundled plans."""
    from trainers.methods import METHODS, get_plan

    return [get_plan(name) for name in METHODS]


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
    pairs = zip(empty, plain, strict=False)
    start = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(empty), len(plain)))
    return start, len(full) - len(plain)


def _listed(places: Sequence[int]) -> str:
    return ", ".join(map(str, places)) or "none"
