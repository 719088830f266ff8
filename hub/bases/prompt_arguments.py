"""Arguments of `encode_prompt`, which have the same names in all families of diffusers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from hub.errors import DoesNotFit

if TYPE_CHECKING:
    from torch import Tensor

COUNTS = ("num_images_per_prompt", "num_videos_per_prompt")
"""diffusers' names for the number of results per prompt."""
OTHER_PROMPT = re.compile(r"(?:negative_)?prompt_(\d)")
"""A second or third prompt, which some bases give to another encoder."""
_ORDINALS = {"2": "second", "3": "third"}


def arguments_of(own: Callable[..., Any], arguments: Sequence[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of `own` by name, defaults included."""
    signature = inspect.signature(own)
    bound = signature.bind(*arguments, **settings)
    bound.apply_defaults()
    given = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given |= given.pop(name)
    return given


def results_per_prompt(given: Mapping[str, Any]) -> int:
    """Return the number of results per prompt."""
    return next((given[name] for name in COUNTS if name in given), 1)


def asks_for_negatives(given: Mapping[str, Any]) -> bool:
    """Return whether `encode_prompt` should encode negative prompts: if the scale needs them or, without a scale, if one is given."""
    scale = given.get("guidance_scale")
    is_needed = given.get("negative_prompt") is not None if scale is None else scale > 1
    return bool(given.get("do_classifier_free_guidance", is_needed))


def repeated_texts(given: Mapping[str, Any], name: str) -> list[str] | None:
    """Return the texts called `name`, each repeated per image, for a base that reads them beside embeddings."""
    found = given[name]
    texts = [found] if isinstance(found, str) else found
    return None if texts is None else [text for text in texts for _ in range(results_per_prompt(given))]


def refuse_other_prompts(given: Mapping[str, Any]) -> None:
    """Raise DoesNotFit for a second or third prompt: a module replaces all encoders."""
    for name, value in given.items():
        if value is not None and (found := OTHER_PROMPT.fullmatch(name)) is not None:
            raise DoesNotFit(
                f"`{name}` is for the base's {_ORDINALS[found[1]]} encoder, and the module replaces all encoders: leave it out."
            )


def check_lengths(name: str, prompt: Tensor | list[Tensor], negative: Tensor | list[Tensor] | None) -> None:
    """Raise DoesNotFit unless prompts and negative prompts have the same number of tokens: most denoisers batch both."""
    if negative is None or isinstance(negative, list) or isinstance(prompt, list):
        return
    if negative.shape[1] != prompt.shape[1]:
        raise DoesNotFit(
            f"`negative_{name}` has {negative.shape[1]} tokens and `{name}` {prompt.shape[1]}: "
            "encode both with `pipe.encode_prompt`."
        )


def explain_template(own: Callable[..., Any], pipeline: str) -> Callable[..., Any]:
    """Return `encode_prompt` of a base, which raises DoesNotFit where its tokenizer lacks the chat template that it needs."""

    @wraps(own)
    def encode_prompt(*arguments: Any, **settings: Any) -> Any:
        try:
            return own(*arguments, **settings)
        except ValueError as error:
            if "chat_template is not set" not in str(error):
                raise
            raise DoesNotFit(
                f"`{pipeline}` writes prompts into a chat template, and its tokenizer has none: add `chat_template.jinja` of the "
                "upstream repository to the tokenizer's folder."
            ) from error

    return encode_prompt
