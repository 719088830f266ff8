"""What installed packages add to linguahub: entry points, listed cheaply and imported only when asked for."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hub.errors import Unknown, UnknownBase, UnknownBenchmark, UnknownCorpus, UnknownMethod

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS = {
    "hub.commands": "a command of `hub`",
    "hub.kinds": "a kind of artifact",
    "hub.bases": "a family of bases, to load and to train through",
    "hub.systems": "a module's architecture",
    "hub.readouts": "a read-out of an encoder",
    "hub.methods": "a training method",
    "hub.corpora": "a corpus to train and to be judged on",
    "hub.benchmarks": "a benchmark",
    "hub.parts": "an optional part",
}
"""Every group of entry points, and what one of its entries adds. CONTRIBUTING.md says what each must be."""
_log = logging.getLogger("hub.plugins")
_UNKNOWN: dict[str, type[Unknown]] = {
    "hub.bases": UnknownBase,
    "hub.benchmarks": UnknownBenchmark,
    "hub.corpora": UnknownCorpus,
    "hub.methods": UnknownMethod,
}


@cache
def advertised(group: str) -> dict[str, EntryPoint]:
    """The entry points of `group` by name, sorted; nothing is imported. The first of two packages wins a name."""
    if group not in GROUPS:
        raise ValueError(f"`{group}` is none of linguahub's entry-point groups: {', '.join(GROUPS)}")
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def names(group: str, own: Iterable[str] = ()) -> list[str]:
    """What there is in `group`, our `own` included, sorted; nothing is imported."""
    return sorted({*own, *advertised(group)})


def load(group: str, name: str, own: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Import what `name` stands for: in `own`, name → `module:attribute` of what comes with the project, else in `group`.

    Raises the error of the group, an Unknown with near names, when nothing has this name.
    """
    if name in own:
        return resolve(own[name])
    points = advertised(group)
    if name not in points:
        raise _UNKNOWN.get(group, Unknown)(name, known=names(group, own))
    return points[name].load()


def load_all(group: str) -> Iterator[Any]:
    """Import everything in `group`, by name. What cannot be imported is left out, and the log says so."""
    for name, point in advertised(group).items():
        try:
            yield point.load()
        except ImportError as error:
            _log.warning("`%s` of %s is left out: %s. Look with `hub doctor`.", name, group, error)


def resolve(target: str) -> Any:
    """What `module:attribute` names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
