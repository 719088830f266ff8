"""Parse recipe files: YAML that overrides the plan of one method, for `hub train METHOD --recipe FILE`.

    method: mulan
    base: sd15                  # defaults of --base, --encoder, --corpus
    english_share: 0            # defaults of --english-share and --temperature
    module: {mask: false}       # sizes of the module
    prompt: {prefix: "summarize:", drop: [1, 2, 3], length: 80, negative: {length: 77}}
    phases:                     # the phases to run, in this order
      denoise: {steps: 20000, batch_size: 256, learning_rate: 1.0e-4}

The recipes at the original scale are in `trainers/recipes` and can be used by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hub.errors import InvalidRequest, UnknownRecipe
from trainers.recipes.overrides import Overrides, unknown_name

FOLDER = Path(__file__).parent
TEXTS = ("method", "base", "encoder", "corpus")
MIXTURE = {"english_share": (0.0, 0.95), "temperature": (0.1, math.inf)}
"""Least and greatest value of the settings of the mixture of languages."""
SECTIONS = ("module", "prompt", "phases")


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A parsed recipe file; its settings are checked against the plan when they are applied."""

    name: str
    method: str
    changes: Overrides
    base: str = ""
    encoder: str = ""
    corpus: str = ""


def recipe_names() -> list[str]:
    """List the recipes that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_recipe(name: str) -> RecipeFile:
    """Read the recipe file `name`, or the bundled recipe of that name.

    Raises `UnknownRecipe`, and `InvalidRequest` if the file is not a valid recipe.
    """
    path = Path(name)
    if not path.is_file():
        path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise UnknownRecipe(name, recipe_names())
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidRequest(f"the recipe {path.name} is not valid YAML: {' '.join(str(error).split())}.") from error
    return _parse(written, path)


def _parse(written: Any, path: Path) -> RecipeFile:
    what = f"recipe {path.name}"
    found = _mapping(written, what)
    for key in found:
        if key not in (*TEXTS, *MIXTURE, *SECTIONS):
            raise InvalidRequest(unknown_name(what, "setting", key, (*TEXTS, *MIXTURE, *SECTIONS)))
    for key in TEXTS:
        if not isinstance(found.get(key, ""), str):
            raise InvalidRequest(f"{what}: `{key}` must be text, not {found[key]!r}.")
    if not found.get("method"):
        raise InvalidRequest(f"{what}: `method` must name a training method, as in `hub train METHOD`.")
    module, prompt, phases = (_mapping(found.get(key, {}), f"{what}: `{key}`") for key in SECTIONS)
    if "negative" in prompt:
        _mapping(prompt["negative"], f"{what}: `prompt.negative`")
    mixture = {key: _mixture_number(found[key], f"{what}: `{key}`", *MIXTURE[key]) for key in MIXTURE if key in found}
    settings = {name: _mapping(each or {}, f"{what}: `phases.{name}`") for name, each in phases.items()}
    return RecipeFile(
        name=path.stem,
        changes=Overrides(only=tuple(settings), phases=settings, module=module, prompt=prompt, mixture=mixture),
        **{key: found.get(key, "") for key in TEXTS},
    )


def _mixture_number(value: Any, what: str, least: float, greatest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= greatest:
        limits = f"of at least {least:g}" if math.isinf(greatest) else f"from {least:g} to {greatest:g}"
        raise InvalidRequest(f"{what} must be a number {limits}, not {value!r}.")
    return float(value)


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InvalidRequest(f"{what} must map names to values, not {value!r}.")
    return value
