"""Make subclasses of diffusers' pipelines: with a family's mixin before them, and `language=` in their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hub.bases.language_mixin import Language, LanguageMixin


def with_language(mixin: type[LanguageMixin], pipeline_class: type[Any]) -> type[Any]:
    """Return `pipeline_class` with `mixin` before it and `language` in its signatures; cached."""
    if issubclass(pipeline_class, LanguageMixin):
        return pipeline_class
    methods = {name: _with_language_argument(mixin, pipeline_class, name) for name in ("__call__", "encode_prompt")}
    return add_mixin(mixin, pipeline_class, _mixin=mixin, **methods)


def add_mixin(mixin: type[Any], pipeline_class: type[Any], **attributes: Any) -> type[Any]:
    """Return a cached subclass with `mixin` before `pipeline_class`. It keeps the name, which `save_pretrained` writes."""
    if (mixin, pipeline_class) not in _MADE:
        named = {name: getattr(pipeline_class, name) for name in ("__module__", "__doc__", "__qualname__")}
        _MADE[mixin, pipeline_class] = type(pipeline_class.__name__, (mixin, pipeline_class), named | attributes)
    return _MADE[mixin, pipeline_class]


_MADE: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def _with_language_argument(mixin: type[LanguageMixin], pipeline_class: type[Any], name: str) -> Callable[..., Any]:
    """Return the mixin's method `name` with the documentation and signature of `pipeline_class`, plus `language`."""
    theirs = getattr(pipeline_class, name)

    def method(self: Any, *arguments: Any, **settings: Any) -> Any:
        return getattr(mixin, name)(self, *arguments, **settings)

    signature = inspect.signature(theirs)
    own = inspect.Parameter("language", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Language)
    parameters = list(signature.parameters.values())
    places = [place for place, each in enumerate(parameters) if each.kind is inspect.Parameter.VAR_KEYWORD]
    parameters.insert(places[0] if places else len(parameters), own)
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__name__, method.__qualname__, method.__doc__ = name, f"{pipeline_class.__qualname__}.{name}", theirs.__doc__
    return method
