"""`hub verify`: whether everything that is known is also here, byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option


def verify(
    name: Annotated[str, Argument(help="With --signature: `owner/name`, or `name` alone.")] = "",
    repair: Annotated[
        bool, Option("--repair", help="Bring lost and damaged blobs back from cards, snapshots and --endpoint.")
    ] = False,
    endpoint: Annotated[str, Option(help="A hub that has the same artifacts, asked for what is nowhere here.")] = "",
    signature: Annotated[bool, Option("--signature", help="Check who has signed NAME, with --key.")] = False,
    key: Annotated[Path | None, Option(help="Public key or certificate in PEM that must have signed.")] = None,
    revision: Annotated[str, Option(help="With --signature: an id, number or reference.")] = "main",
) -> None:
    """Compare every blob with its digest; or check who has signed an artifact.

    Exits with 1 when one is lost or damaged and was not brought back, or when the signature is not of that key.
    """
    if signature or name or key:
        _verify_signature(name, revision, key if signature else None)
        return
    from hub.local import LocalHub
    from hub.registry import verify as examine
    from hub.repair import repair as mend

    with LocalHub.open() as hub:
        problems = examine(hub.registry, hub.store)
        blobs = len(hub.registry.blobs())
        damaged = [problem.digest for problem in problems if problem.digest is not None]
        mended = set(mend(hub, damaged, endpoint or None)) if repair else set()
    left = [problem for problem in problems if problem.digest is None or problem.digest not in mended]
    faults = [problem for problem in left if problem.is_fault]
    print(f"{blobs} blobs read, {f'{len(mended)} brought back, ' if repair else ''}{len(faults) or 'no'} faults.")
    for problem in left:
        print(f"hub: {problem.text}", file=sys.stderr if problem.is_fault else sys.stdout)
    if faults:
        raise Exit(1)


def _verify_signature(name: str, revision: str, key: Path | None) -> None:
    from hub.errors import WrongRequest
    from hub.local import LocalHub
    from hub.signatures import FILE, examine, read_key

    if not name or key is None:
        raise WrongRequest("say what to check and by which key: `hub verify NAME --signature --key public.pem`.")
    trusted = read_key(key)
    with LocalHub.open() as hub:
        found = hub.registry.revision(name, revision)
        held = next((file for file in found.files if file.path == FILE), None)
        if held is None:
            print(f"hub: {found.artifact}@{found.number} is not signed: it holds no {FILE}.", file=sys.stderr)
            raise Exit(1)
        with hub.store.open(held.digest) as opened:
            seen = examine(found.files, opened.read(), [trusted])
    if not seen.verified:
        print(f"hub: {found.artifact}@{found.number} {seen.words}.", file=sys.stderr)
        raise Exit(1)
    print(
        f"{found.artifact}@{found.number}: all {len(found.files) - 1} files were signed by sha256:{seen.fingerprint[:16]}"
    )
