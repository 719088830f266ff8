"""Entry points through which installed packages extend linguahub, imported only when used."""

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
    "hub.bases": "a family of bases",
    "hub.systems": "an architecture of modules",
    "hub.readouts": "a readout of an encoder",
    "hub.methods": "a training method",
    "hub.corpora": "a corpus for training and evaluation",
    "hub.benchmarks": "a benchmark",
    "hub.parts": "an optional part",
}
"""Entry-point group → what an entry adds. CONTRIBUTING.md describes each."""
_log = logging.getLogger("hub.plugins")
_UNKNOWN: dict[str, type[Unknown]] = {
    "hub.bases": UnknownBase,
    "hub.benchmarks": UnknownBenchmark,
    "hub.corpora": UnknownCorpus,
    "hub.methods": UnknownMethod,
}


@cache
def advertised(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of `group` by name, sorted, without importing them. The first package to use a name wins."""
    if group not in GROUPS:
        raise ValueError(f"unknown entry-point group `{group}`: choose one of {', '.join(GROUPS)}")
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def names(group: str, own: Iterable[str] = ()) -> list[str]:
    """Return the names in `group` and `own`, sorted, without importing anything."""
    return sorted({*own, *advertised(group)})


def load(group: str, name: str, own: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Import `name` from `own`, which maps built-in names to `module:attribute`, or from `group`.

    Raises the Unknown error of the group, with similar names.
    """
    check_name(group, name, own)
    return resolve(own[name]) if name in own else advertised(group)[name].load()


def check_name(group: str, name: str, own: Iterable[str] = ()) -> None:
    """Raise the Unknown error of the group if neither `own` nor a package has `name`. Nothing is imported."""
    if name not in own and name not in advertised(group):
        raise _UNKNOWN.get(group, Unknown)(name, known=names(group, own))


def load_all(group: str) -> Iterator[Any]:
    """Import everything in `group`, by name. Entries that cannot be imported are logged and skipped."""
    for name, point in advertised(group).items():
        try:
            yield point.load()
        except ImportError as error:
            _log.warning("skipping `%s` of %s: %s. Check with `hub doctor`.", name, group, error)


def resolve(target: str) -> Any:
    """Import `module:attribute`."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
