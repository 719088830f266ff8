"""`hub verify`: whether everything that is known is also here, byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from hub.errors import WrongRequest


def verify(
    name: Annotated[str, Argument(help="With --signature or --cache: `owner/name`, or `name` alone.")] = "",
    repair: Annotated[
        bool, Option("--repair", help="Bring lost and damaged blobs back from cards, snapshots and --endpoint.")
    ] = False,
    endpoint: Annotated[str, Option(help="A hub that has the same artifacts, asked for what is nowhere here.")] = "",
    cache: Annotated[
        bool, Option("--cache", help="Look at what Hugging Face's cache holds of NAME's upstream.")
    ] = False,
    signature: Annotated[bool, Option("--signature", help="Check who has signed NAME, with --key.")] = False,
    key: Annotated[Path | None, Option(help="Public key or certificate in PEM that must have signed.")] = None,
    revision: Annotated[str, Option(help="With --signature: an id, number or reference.")] = "main",
) -> None:
    """Compare every blob with its digest; or check who has signed an artifact.

    Exits with 1 when one is lost or damaged and was not brought back, or when the signature is not of that key.
    """
    if cache:
        _verify_cache(name)
        return
    if signature or name or key:
        _verify_signature(name, revision, key if signature else None)
        return
    from hub.local import LocalHub
    from hub.maintenance.repair import repair as mend
    from hub.maintenance.verify import verify as examine

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


def _verify_cache(name: str) -> None:
    """Every file is hashed again, whatever was found earlier."""
    from hub.local import LocalHub
    from hub.remote.hf_cache import Stamps, cached, faults, unfinished

    if not name:
        raise WrongRequest("say whose files to look at: `hub verify --cache NAME`.")
    with LocalHub.open() as hub:
        artifact = hub.registry.get(name)
        what, stamps = artifact.name.name, Stamps(hub.home.caches)
    if not artifact.upstream:
        raise WrongRequest(
            f"`{what}` has no files elsewhere, and so none in Hugging Face's cache: `hub verify` reads its own."
        )
    sources = dict.fromkeys((each.repository, each.revision) for each in artifact.upstream)
    paths = [path for source in sources for path in cached(*source)]
    begun = [path for repository in {each.repository for each in artifact.upstream} for path in unfinished(repository)]
    lost = [path for path in paths if not path.exists()]
    damaged = list(faults([path for path in paths if path.exists()], stamps, anew=True))
    for line in (*map(str, damaged), *(f"`{path.name}` is gone from the cache" for path in lost)):
        print(f"hub: {line}. Mend it with `hub pull {what}`.", file=sys.stderr)
    for path in begun:
        size = path.stat().st_size
        print(f"hub: a download was broken off after {size} bytes. Go on with `hub pull {what}`.", file=sys.stderr)
    count = len(damaged) + len(lost) + len(begun)
    print(
        f"{len(paths)} files of {', '.join(repository for repository, _ in sources)} in the cache, {count or 'no'} faults."
    )
    if count:
        raise Exit(1)


def _verify_signature(name: str, revision: str, key: Path | None) -> None:
    from hub.local import LocalHub
    from hub.registry.parts import parts

    if not name or key is None:
        raise WrongRequest("say what to check and by which key: `hub verify NAME --signature --key public.pem`.")
    with LocalHub.open() as hub:
        found = hub.registry.revision(name, revision)
        signatures = (part.signature_by(key, found.files, hub.store) for part in parts())
        seen = next(filter(None, signatures), None)
    if seen is None or not seen.verified:
        reason = "is not signed: it holds no model.sig" if seen is None else seen.words
        print(f"hub: {found.artifact}@{found.number} {reason}.", file=sys.stderr)
        raise Exit(1)
    print(
        f"{found.artifact}@{found.number}: all {len(found.files) - 1} files were signed by sha256:{seen.fingerprint[:16]}"
    )
