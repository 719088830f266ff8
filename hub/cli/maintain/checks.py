"""The checks of `hub doctor`: one function per subject; none of them raises."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from hub.cli.extras import DISTRIBUTION, EXTRAS, missing_packages
from hub.cli.terminal import count
from hub.errors import HubError
from hub.plugins import GROUPS, advertised

if TYPE_CHECKING:
    from hub.registry.outbox.queue import Backlog

OK, ABSENT, FAULT = "ok", "absent", "fault"
"""Present; optional and missing; broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    """The part that was checked."""
    state: str
    """`ok`, `absent` or `fault`."""
    found: str
    """The version, address or problem."""
    fix: str = ""
    """The command that fixes it, or an empty string."""
    expected: str = ""
    """The expected value, or an empty string."""


def examine() -> Iterator[Finding]:
    """Run all checks and yield their findings."""
    yield Finding("python", OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _distribution()
    yield from (_extra(extra, purpose) for extra, purpose in EXTRAS.items())
    yield from _device()
    yield from _torchvision()
    yield from _plugins()
    yield from _installation()
    yield from _terminal()


def _distribution() -> Finding:
    try:
        return Finding(DISTRIBUTION, OK, version(DISTRIBUTION))
    except PackageNotFoundError:
        return Finding(
            DISTRIBUTION, FAULT, "not installed: hub train and hub serve are unavailable", "pip install -e ."
        )


def _extra(extra: str, purpose: str) -> Finding:
    missing = missing_packages(extra)
    if missing:
        return Finding(
            f"extra {extra}",
            ABSENT,
            f"{purpose}: missing {', '.join(missing)}",
            f"pip install '{DISTRIBUTION}[{extra}]'",
        )
    return Finding(f"extra {extra}", OK, purpose)


def _device() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(
            "torch", FAULT, f"cannot be imported: {error}", f"pip install --force-reinstall '{DISTRIBUTION}[load]'"
        )
        return
    device = f"{torch.cuda.get_device_name()} (cuda)" if torch.cuda.is_available() else "cpu"
    yield Finding(
        "torch", OK, f"{torch.__version__} on {device}, {torch.get_num_threads()} of {os.cpu_count()} threads"
    )


def _torchvision() -> Iterator[Finding]:
    """Check torchvision: a build that does not match torch makes `from transformers import CLIPTextModel` fail."""
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        import torchvision  # type: ignore[import-not-found, unused-ignore]
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        yield Finding(
            "torchvision",
            FAULT,
            f"does not match torch and breaks transformers: {error}",
            "pip uninstall torchvision   # not needed by linguahub",
        )
    else:
        yield Finding("torchvision", OK, f"{torchvision.__version__} (not needed)")


def _plugins() -> Iterator[Finding]:
    for group in GROUPS:
        for name, point in advertised(group).items():
            module = point.value.partition(":")[0]
            try:
                absent = importlib.util.find_spec(module) is None
            except ImportError:
                absent = True
            if absent:
                package = point.dist.name if point.dist is not None else module
                yield Finding(
                    f"{group} {name}",
                    FAULT,
                    f"`{point.value}` not found",
                    f"pip install --force-reinstall {package}",
                )


def _installation() -> Iterator[Finding]:
    from hub.home import Home

    home = Home.find()
    try:
        from hub.local import LocalHub
        from hub.registry.outbox.queue import backlog

        with LocalHub.open(home) as hub:
            found, database = len(hub.registry.names()), hub.registry.database.address
            blobs, damaged = sum(1 for _ in hub.store.digests()), sum(1 for _ in hub.store.quarantined())
            jobs = backlog(hub.registry.database)
    except HubError as error:
        schema = list(_schema(home.registry))
        has_fix = any(finding.state == FAULT for finding in schema)
        yield Finding("registry", FAULT, str(error), "" if has_fix else "hub index")
        yield from schema
    else:
        yield Finding("registry", OK, f"{database}: {count(found, 'artifact')}")
        yield from _schema(home.registry)
        state, lost = (FAULT, f", {count(damaged, 'damaged blob')}") if damaged else (OK, "")
        fix = "hub verify --repair" if damaged else ""
        yield Finding("store", state, f"{home.store_url or home.store}: {count(blobs, 'blob')}{lost}", fix)
        yield from (_jobs(task, each) for task, each in jobs.items())
    if not os.access(home.folder, os.W_OK):
        yield Finding("home", FAULT, f"{home.folder} is not writable", "export HUB_HOME=FOLDER   # a writable folder")
    if not home.cards.is_dir():
        yield Finding("cards", FAULT, f"{home.cards} not found", f"pip install --force-reinstall {DISTRIBUTION}")


def _jobs(task: str, waiting: Backlog) -> Finding:
    found = f"{waiting.waiting} waiting, the oldest for {waiting.oldest_s:.0f} s; {waiting.given_up} failed"
    fix = "hub admin outbox --retry   # `hub admin outbox` shows the errors" if waiting.given_up else ""
    return Finding(f"outbox {task}", FAULT if waiting.given_up else OK, found, fix)


def _schema(address: str) -> Iterator[Finding]:
    """Check the version of the schema. Opening a database migrates it, so it differs only if a migration failed."""
    from hub.registry.database.open import open_database
    from hub.registry.database.schema import HEAD

    try:
        with closing(open_database(address)) as database:
            found = database.version()
    except HubError:
        return  # The finding on the registry says why.
    if found == HEAD:
        yield Finding("schema", OK, found, expected=HEAD)
    elif found:
        fix = (
            f"pip install --upgrade {DISTRIBUTION}"
            if found > HEAD
            else "hub index   # after moving this registry elsewhere"
        )
        yield Finding("schema", FAULT, found, fix, expected=HEAD)


def _terminal() -> Iterator[Finding]:
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        yield Finding(
            "terminal",
            FAULT,
            f"uses {sys.stdout.encoding}, which cannot display many scripts",
            "export PYTHONIOENCODING=utf-8",
        )
