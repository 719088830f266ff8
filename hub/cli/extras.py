"""Find the packages of each extra in the metadata of this distribution."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

DISTRIBUTION = "linguahub"
EXTRAS = {
    "load": "load_pipeline and hub generate",
    "detect": "choosing the module by the prompt's language",
    "train": "hub train and hub evaluate",
    "serve": "hub serve",
    "postgres": "a registry in PostgreSQL",
    "s3": "a store in an S3-compatible bucket",
}
"""Extra → its purpose."""
_DISTRIBUTIONS = {"PIL": "pillow", "lingua": "lingua-language-detector", "starlette": "fastapi"}
"""Module → distribution, where the names differ or another distribution depends on it."""


def extra_with(module: str) -> str | None:
    """Return the first extra with the top-level package of `module`, or None."""
    package = module.partition(".")[0]
    wanted = _DISTRIBUTIONS.get(package, package).lower()
    return next((extra for extra in EXTRAS if wanted in packages_of(extra)), None)


def missing_packages(extra: str) -> list[str]:
    """Return the distributions of `extra` that are not installed, sorted."""
    return sorted(name for name in set(packages_of(extra)) if not _is_installed(name))


def packages_of(extra: str) -> Iterator[str]:
    """Yield the distributions of `extra` in lower case, nested extras included, core dependencies excluded."""
    from packaging.requirements import Requirement

    if not _is_installed(DISTRIBUTION):
        return
    for requirement in map(Requirement, requires(DISTRIBUTION) or []):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}) or not marker.evaluate({"extra": extra}):
            continue
        if requirement.name != DISTRIBUTION:
            yield requirement.name.lower()
        for nested in requirement.extras if requirement.name == DISTRIBUTION else ():
            yield from packages_of(nested)


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
