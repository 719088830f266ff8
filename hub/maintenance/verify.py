"""Check that the store has every blob of the registry, by reading all bytes and comparing digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.errors import DamagedBlob, DamagedFile, Unknown
from hub.names import Digest
from hub.registry.outbox.queue import WRITE_REFERENCE
from hub.registry.registry import Registry
from hub.store import BlobStore


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem found by `hub verify`."""

    text: str
    is_fault: bool
    """Whether content is lost; otherwise the problem is harmless unfinished work."""
    digest: Digest | None = None
    """The lost or damaged blob."""


def verify(registry: Registry, store: BlobStore, pace: Callable[[int], None] | None = None) -> list[Problem]:
    """Return all differences between registry and store, faults first. Reads all bytes and sets damaged blobs aside.

    `pace` is called with the number of bytes after each chunk, to limit the rate.
    """
    store.reexamine()
    revisions = registry.revision_names()
    wanted = {**registry.blobs(), **dict.fromkeys(revisions)}
    problems = [
        Problem(
            f"{problem}; referenced by {_references(registry, digest, revisions)}. "
            "Fix it with `hub verify --repair`, or push or pull it again.",
            is_fault=True,
            digest=digest,
        )
        for digest, size in sorted(wanted.items())
        if (problem := _fault(store, digest, size, pace))
    ]
    needed = store.needed_blobs()
    unreferenced = [digest for digest in store.digests() if digest not in wanted and digest not in needed]
    damaged = [digest for digest in unreferenced if _fault(store, digest, None, pace)]
    if unreferenced:
        problems.append(
            Problem(
                f"unreferenced blobs: {len(unreferenced)}, such as {unreferenced[0].hex[:12]}. List them with `hub gc`.",
                is_fault=False,
            )
        )
    if damaged:
        problems.append(
            Problem(
                f"damaged unreferenced blobs: {len(damaged)}, such as {damaged[0].hex[:12]}, set aside. The next upload "
                "of these bytes is stored.",
                is_fault=False,
            )
        )
    if unfinished := store.unfinished():
        problems.append(
            Problem(f"unfinished writes: {len(unfinished)}. `hub index` deletes abandoned ones.", is_fault=False)
        )
    if jobs := [job for job in registry.jobs() if job.task == WRITE_REFERENCE]:
        problems.append(Problem(f"unwritten references: {len(jobs)}. Run `hub index`.", is_fault=False))
    return problems


def _fault(store: BlobStore, digest: Digest, size_bytes: int | None, pace: Callable[[int], None] | None) -> str | None:
    try:
        store.verify(digest, size_bytes, pace)
    except Unknown:
        return f"blob {digest} is missing from the store"
    except DamagedBlob:
        return f"blob {digest} is damaged and not served"
    except DamagedFile as error:
        return str(error).partition(":")[0]
    return None


def _references(registry: Registry, digest: Digest, revisions: dict[Digest, str]) -> str:
    return revisions.get(digest) or ", ".join(registry.files_with(digest))
