"""Apply the settings of a recipe file and of `--set` to a plan: phases, method options, module sizes, prompt rules.

A phase's settings are the fields of its `Recipe` and the keyword-only arguments of its method, in one namespace:

    denoise:
      steps: 20000          # a field of the recipe
      empty_share: 0.1      # an option of the method
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import yaml

from hub.errors import InvalidRequest
from trainers import defaults
from trainers.inputs.prompt_rules import PromptRules
from trainers.loop.recipe import Recipe
from trainers.recipes.plan import Phase, Plan

NUMBERS = tuple(each.name for each in fields(Recipe) if each.name != "seed")
"""Settings that every phase has; the seed belongs to the whole run."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Settings as they were written; `apply` converts them to the types of the values they replace."""

    only: tuple[str, ...] = ()
    """Phases to run, in this order; empty for all phases of the plan."""
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings by phase."""
    everywhere: dict[str, Any] = field(default_factory=dict)
    """Settings of every phase that has them."""
    module: dict[str, Any] = field(default_factory=dict)
    """Sizes of the module, instead of those the method would choose."""
    prompt: dict[str, Any] = field(default_factory=dict)
    """Prompt rules, as in config.json."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Defaults of `--english-share` and `--temperature`."""

    def with_sets(self, sets: Iterable[str]) -> Overrides:
        """Return these overrides with `--set KEY=VALUE` added.

        Examples: `denoise.steps=9`, `module.queries=77`, `prompt.length=80`, `batch_size=8`. Raises `InvalidRequest`.
        """
        phases = {name: dict(settings) for name, settings in self.phases.items()}
        everywhere, module, prompt = dict(self.everywhere), dict(self.module), dict(self.prompt)
        for each in sets:
            key, found, text = each.partition("=")
            if not found or not key.strip():
                raise InvalidRequest(
                    f"`--set {each}` is not a setting: write KEY=VALUE, for example `--set batch_size=8`."
                )
            value = _parse(text, each)
            first, _, rest = key.strip().partition(".")
            if not rest:
                everywhere[first] = value
            elif first == "module":
                module[rest] = value
            elif first == "prompt" and rest.startswith("negative."):
                prompt["negative"] = {**prompt.get("negative", {}), rest.removeprefix("negative."): value}
            elif first == "prompt":
                prompt[rest] = value
            else:
                phases.setdefault(first, {})[rest] = value
        return Overrides(self.only, phases, everywhere, module, prompt, self.mixture)

    def mixture_with(self, english_share: float | None, temperature: float | None) -> tuple[float, float]:
        """Return English share and temperature: the given values, else the recipe's, else the defaults."""
        share = self.mixture.get("english_share", defaults.ENGLISH_SHARE) if english_share is None else english_share
        usual = self.mixture.get("temperature", defaults.TEMPERATURE) if temperature is None else temperature
        return share, usual

    def apply(self, plan: Plan, *, what: str) -> Plan:
        """Return the plan with these overrides.

        Raises `InvalidRequest`, with a message that starts with `what`, for an unknown phase or setting.
        """
        known = {phase.name: phase for phase in plan.phases}
        for name in (*self.only, *self.phases):
            if name not in known:
                raise InvalidRequest(unknown_name(what, f"phase of `{plan.name}`", name, known))
        phases = tuple(known[name] for name in self.only)
        if phases and (idle := [name for name in self.phases if name not in self.only]):
            raise InvalidRequest(
                f"{what}: phase `{idle[0]}` does not run, so it cannot be configured; add it under `phases` in the file."
            )
        phases = phases or tuple(each for each in plan.phases if not each.optional or each.name in self.phases)
        for key in self.everywhere:
            known_settings = dict.fromkeys(each for phase in phases for each in settings_of(phase))
            if key not in known_settings:
                raise InvalidRequest(unknown_name(what, f"setting of `{plan.name}`", key, known_settings))
        changed = []
        for phase in phases:
            own = settings_of(phase)
            common = {key: value for key, value in self.everywhere.items() if key in own}
            changed.append(_with_settings(phase, self.phases.get(phase.name, {}) | common, what))
        learner = plan.learner
        if self.module:
            learner = partial(plan.learner, **_convert_sizes(self.module, plan.learner, what))
        _check_denoiser(learner, changed, what)
        prompt_rules = plan.prompt_rules
        if self.prompt:
            length = {} if plan.length is None else {"length": plan.length}
            prompt_rules = PromptRules.parse({**length, **self.prompt}, what=what)
        return replace(plan, phases=tuple(changed), learner=learner, prompt_rules=prompt_rules)


def settings_of(phase: Phase) -> dict[str, Any]:
    """Return every setting of a phase with its value."""
    numbers = {name: getattr(phase.recipe, name) for name in NUMBERS}
    return numbers | {name: each.default for name, each in _options(phase.make).items()}


def _options(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the keyword-only arguments of a method or learner, except functions: those are chosen by the plan."""
    parameters = inspect.signature(make).parameters
    options = {name: each for name, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY}
    return {name: each for name, each in options.items() if not callable(each.default)}


def _check_denoiser(learner: Callable[..., Any], phases: Iterable[Phase], what: str) -> None:
    """Raise `InvalidRequest` for a phase that needs a frozen denoiser if the learner trains it."""
    trains = _options(learner).get("denoiser")
    frozen = [phase.name for phase in phases if getattr(phase.objective, "keeps_denoiser", False)]
    if trains is not None and trains.default and frozen:
        raise InvalidRequest(
            f"{what}: the phase `{frozen[0]}` distils the denoiser from itself, so it must be frozen: `--set module.denoiser=false`."
        )


def _with_settings(phase: Phase, settings: Mapping[str, Any], what: str) -> Phase:
    own = settings_of(phase)
    typed: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in own:
            raise InvalidRequest(unknown_name(what, f"setting of phase `{phase.name}`", key, own))
        typed[key] = _convert(value, own[key], f"{what}: `{phase.name}.{key}`")
    numbers = {key: value for key, value in typed.items() if key in NUMBERS}
    options = {key: value for key, value in typed.items() if key not in NUMBERS}
    try:
        recipe = replace(phase.recipe, **numbers)
    except ValueError as error:
        raise InvalidRequest(f"{what}, phase `{phase.name}`: {error}") from error
    return replace(phase, recipe=recipe, make=partial(phase.make, **options) if options else phase.make)


def _convert_sizes(written: Mapping[str, Any], learner: Callable[..., Any], what: str) -> dict[str, Any]:
    """Convert module sizes to the types of the learner's defaults.

    A learner with `**sizes` passes them on to its architecture, which checks them.
    """
    parameters = inspect.signature(learner).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return dict(written)
    options = _options(learner)
    for key in written:
        if key not in options:
            raise InvalidRequest(unknown_name(what, "setting of `module`", key, options))
    return {key: _convert(value, options[key].default, f"{what}: `module.{key}`") for key, value in written.items()}


KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list"}


def _convert(value: Any, like: Any, where: str) -> Any:
    """Convert a value to the type of the one it replaces. YAML reads `1e-5` as text, so numbers may be text."""
    if type(like) not in KINDS:
        return value  # For None and other types the method itself checks the value.
    wrong = InvalidRequest(f"{where} must be {KINDS[type(like)]}, not {value!r}.")
    if isinstance(like, str) and value is False:
        return "no"  # YAML 1.1 reads `no`, a valid `precision`, as false.
    if isinstance(like, bool | str):
        if type(value) is not type(like):
            raise wrong
        return value
    if isinstance(like, tuple):
        if not isinstance(value, list | tuple) or len(value) != len(like):
            raise wrong
        return tuple(_convert(each, ours, where) for each, ours in zip(value, like, strict=True))
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
        if not math.isfinite(number) or type(like)(number) != number:
            raise wrong
    except (TypeError, ValueError) as error:
        raise wrong from error
    return type(like)(number)


def _parse(text: str, written: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidRequest(
            f"the value of `--set {written}` cannot be parsed: write a number, a word or a list."
        ) from error


def unknown_name(what: str, noun: str, name: str, known: Iterable[str]) -> str:
    """Return the error message for an unknown name, with near matches and all known names."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.7)
    hint = f" Did you mean {', '.join(f'`{each}`' for each in near)}?" if near else ""
    return f"{what}: no {noun} is called `{name}`.{hint} Available: {', '.join(names)}."
