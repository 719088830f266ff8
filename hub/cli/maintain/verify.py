"""`hub verify`: check stored blobs, files in Hugging Face's cache, or a signature."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from hub.cli.terminal import count
from hub.errors import InvalidRequest


def verify(
    name: Annotated[str, Argument(help="With --signature or --cache: artifact, `owner/name` or `name`.")] = "",
    repair: Annotated[
        bool,
        Option(
            "--repair", help="Restore missing and damaged blobs from copies on this machine, --from and --endpoint."
        ),
    ] = False,
    copies: Annotated[
        list[str] | None,
        Option("--from", help="Another store or the folder of a backup, as a source for --repair. Repeatable."),
    ] = None,
    rate: Annotated[
        float, Option(min=0, help="Maximum megabytes to read per second, to keep a busy server fast (0 = no limit).")
    ] = 0,
    endpoint: Annotated[str, Option(help="URL of a hub with the same artifacts, as a source for --repair.")] = "",
    cache: Annotated[bool, Option("--cache", help="Check NAME's upstream files in Hugging Face's cache.")] = False,
    signature: Annotated[bool, Option("--signature", help="Check the signature of NAME with --key.")] = False,
    key: Annotated[Path | None, Option(help="Public key or certificate of the signer, as a PEM file.")] = None,
    revision: Annotated[str, Option(help="With --signature: revision id, number or branch.")] = "main",
) -> None:
    """Compare every blob with its digest, or check the signature or the cached files of an artifact.

    Damaged blobs are set aside and not served until they are restored or pushed again.
    Exits with 1 if a blob or file is missing or damaged and was not restored, or if the signature does not match the key.
    """
    if cache:
        _verify_cache(name)
        return
    if signature or name or key:
        _verify_signature(name, revision, key if signature else None)
        return
    from hub.local import LocalHub
    from hub.maintenance.pace import Pace
    from hub.maintenance.repair import repair as restore
    from hub.maintenance.verify import verify as examine

    if (copies or endpoint) and not repair:
        raise InvalidRequest("--from and --endpoint are sources of --repair: add `--repair`, or leave them out.")
    for each in copies or ():
        if "://" not in each and not Path(each).is_dir():  # Checked before the store is read, which can take hours.
            raise InvalidRequest(
                f"`{each[:200]}` is not a folder: name a store, or the folder that `hub backup` wrote."
            )
    with LocalHub.open() as hub:
        problems = examine(hub.registry, hub.store, Pace(rate) if rate else None)
        blobs = len(hub.registry.blobs())
        damaged = [problem.digest for problem in problems if problem.digest is not None]
        restored = set(restore(hub, damaged, endpoint or None, copies or ())) if repair else set()
    left = [problem for problem in problems if problem.digest is None or problem.digest not in restored]
    faults = [problem for problem in left if problem.is_fault]
    print(f"{count(blobs, 'blob')} checked, {f'{len(restored)} restored, ' if repair else ''}{_faults(len(faults))}.")
    for problem in left:
        print(f"hub: {problem.text}", file=sys.stderr if problem.is_fault else sys.stdout)
    if faults:
        raise Exit(1)


def _verify_cache(name: str) -> None:
    """Hash every cached file, also those that passed an earlier check. Raises InvalidRequest."""
    from hub.local import LocalHub
    from hub.remote.hf_cache import Stamps, cached, faults, unfinished

    if not name:
        raise InvalidRequest("missing NAME: `hub verify --cache NAME`.")
    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        what, stamps = artifact.name.name, Stamps(hub.home.caches)
    if not artifact.upstream:
        raise InvalidRequest(
            f"`{what}` has no upstream files in Hugging Face's cache: check its blobs with `hub verify`."
        )
    sources = dict.fromkeys((each.repository, each.revision) for each in artifact.upstream)
    paths = [path for source in sources for path in cached(*source)]
    interrupted = [
        path for repository in {each.repository for each in artifact.upstream} for path in unfinished(repository)
    ]
    missing = [path for path in paths if not path.exists()]
    damaged = list(faults([path for path in paths if path.exists()], stamps, rehash=True))
    for line in (*map(str, damaged), *(f"`{path.name}` is missing from the cache" for path in missing)):
        print(f"hub: {line}. Fetch it again with `hub pull {what}`.", file=sys.stderr)
    for path in interrupted:
        size = count(path.stat().st_size, "byte")
        print(f"hub: a download was interrupted after {size}. Resume it with `hub pull {what}`.", file=sys.stderr)
    problems = len(damaged) + len(missing) + len(interrupted)
    print(
        f"{count(len(paths), 'file')} of {', '.join(repository for repository, _ in sources)} in the cache, {_faults(problems)}."
    )
    if problems:
        raise Exit(1)


def _verify_signature(name: str, revision: str, key: Path | None) -> None:
    from hub.local import LocalHub
    from hub.registry.parts import parts

    if not name or key is None:
        raise InvalidRequest("missing NAME, --signature or --key: `hub verify NAME --signature --key public.pem`.")
    with LocalHub.open() as hub:
        found = hub.registry.revision(name, revision)
        signatures = (part.signature_by(key, found.files, hub.store) for part in parts())
        seen = next(filter(None, signatures), None)
    if seen is None or not seen.verified:
        reason = "is not signed: it has no model.sig" if seen is None else seen.words
        print(f"hub: {found.artifact}@{found.number} {reason}.", file=sys.stderr)
        raise Exit(1)
    print(
        f"{found.artifact}@{found.number}: {count(len(found.files) - 1, 'file')} signed by sha256:{seen.fingerprint[:16]}"
    )


def _faults(number: int) -> str:
    return count(number, "fault") if number else "no faults"
