"""Fetch, check, convert and publish systems whose weights are upstream.

`huggingface_hub` transfers the files: it resumes, shows progress, caches and respects `HF_ENDPOINT`.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from hub.convert import convert
from hub.convert.import_file import TOKENIZER
from hub.errors import DamagedFile, InvalidRequest, Unreachable
from hub.publish.card_only import missing_weights
from hub.publish.composition import CONVERTED
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Upstream
from hub.registry import Registry
from hub.store import BlobStore

ROUNDING = 0.01
"""Relative tolerance of sizes, because cards round them: `81.5 MB`."""
TIMEOUT_S = 10.0
"""Connection timeout in seconds."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def pull(
    artifact: Artifact, card: Path, registry: Registry, store: BlobStore, *, endpoint: str | None = None
) -> Revision:
    """Fetch the upstream files of `artifact`'s card, convert them and publish them locally under the same name.

    If the card also names the files of a tokenizer, the text encoder in the weights is converted too. `card` is the folder of the
    card, which becomes part of the revision. Nothing is published unless everything was fetched, checked and converted.
    Raises InvalidRequest, Unreachable, DamagedFile, InvalidSource, WeightsDoNotFit, MissingExtra.
    """
    name = str(artifact.name)
    if not artifact.upstream:
        raise missing_weights(artifact)
    weights = [each for each in artifact.upstream if Path(each.file).name not in TOKENIZER]
    if artifact.kind not in CONVERTED or len(weights) != 1 or not artifact.bases:
        raise InvalidRequest(
            f"`{name}` cannot be converted: only adapters and projectors with one upstream file and a base can be. "
            f"Load `{artifact.upstream[0].repository}` with diffusers or transformers."
        )
    (upstream,) = weights
    source = fetch(upstream, endpoint=endpoint)
    vocabulary = [fetch(each, endpoint=endpoint) for each in artifact.upstream if each is not upstream]
    with tempfile.TemporaryDirectory(prefix="hub-pull-") as scratch:
        folder = Path(scratch) / artifact.name.name
        variants = {base: folder / base.rpartition("/")[2] for base in artifact.bases}
        shutil.copytree(card, folder, ignore=shutil.ignore_patterns(*(each.name for each in variants.values())))
        tokenizer = Path(scratch) / "tokenizer" if vocabulary else None
        if tokenizer is not None:
            tokenizer.mkdir()
            for each in vocabulary:
                shutil.copyfile(each, tokenizer / each.name)
        for base, variant in variants.items():
            convert(
                source,
                variant,
                what=name,
                base=base,
                encoder=artifact.encoder,
                languages=artifact.languages,
                with_encoder=tokenizer is not None,
                tokenizer=tokenizer,
            )
        message = f"Convert {upstream.repository}/{upstream.file} at {upstream.revision}"
        return publish(folder, artifact.name, registry, store, message=message)


def fetch(upstream: Upstream, *, endpoint: str | None = None) -> Path:
    """Download a file and return its path, after checking its size and, if known, its SHA-256. Raises Unreachable, DamagedFile."""
    path = _download(upstream, endpoint)
    size_bytes = path.stat().st_size
    expected = upstream.size_bytes
    if expected is not None and abs(size_bytes - expected) > ROUNDING * expected:
        raise DamagedFile(
            f"{_title(upstream)} has {size_bytes:,} bytes instead of {expected:,}. Remove `{path.name}` and pull again."
        )
    # huggingface_hub names a blob in its cache after the ETag, which is the SHA-256 of a large file.
    expected_digest = upstream.digest or (found[0] if (found := _SHA256.fullmatch(path.resolve().name)) else "")
    if expected_digest:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if upstream.digest and digest == path.resolve().name != upstream.digest:
            raise DamagedFile(
                f"{_title(upstream)} was changed upstream: its digest is {digest}, and its card pins {upstream.digest}. Nothing was "
                f"published: if you trust the new file, download it and run `hub import {path.name}`."
            )
        if digest != expected_digest:
            path.resolve().unlink()  # Otherwise the cache would return the same bytes again.
            raise DamagedFile(
                f"{_title(upstream)} has the digest {digest} instead of {expected_digest}. Pull it again."
            )
    return path


def _download(upstream: Upstream, endpoint: str | None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    _check_reachable(upstream, endpoint)
    try:
        found = hf_hub_download(upstream.repository, upstream.file, revision=upstream.revision, endpoint=endpoint)
    except GatedRepoError as error:
        raise Unreachable(
            f"{_title(upstream)} is gated: accept its terms on its page, then `hf auth login`, then pull again."
        ) from error
    except LocalEntryNotFoundError as error:
        raise Unreachable(_unreachable(upstream, _first_line(error))) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise Unreachable(f"{_title(upstream)} no longer exists or is private: check its page.") from error
    except OSError as error:
        raise Unreachable(
            f"{_title(upstream)} cannot be fetched: {_first_line(error)}. Pull it again to resume."
        ) from error
    return Path(found)


def _check_reachable(upstream: Upstream, endpoint: str | None) -> None:
    """Raise Unreachable if the hub does not respond, because huggingface_hub would retry for half a minute.

    The check is skipped if the file is cached or a proxy is used.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    address = urlsplit(endpoint or constants.ENDPOINT)
    cached = try_to_load_from_cache(upstream.repository, upstream.file, revision=upstream.revision)
    if isinstance(cached, str) or address.scheme in urllib.request.getproxies() or address.hostname is None:
        return
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=TIMEOUT_S).close()
    except OSError as error:
        raise Unreachable(
            _unreachable(upstream, f"{address.hostname} does not respond ({error.strerror or error})")
        ) from error


def _unreachable(upstream: Upstream, reason: str) -> str:
    download = f"hf download {upstream.repository} {upstream.file}"
    return f"{_title(upstream)} cannot be fetched: {reason}. Check the network connection; `{download}` must work."


def _title(upstream: Upstream) -> str:
    revision = "" if upstream.revision == "main" else f" at {upstream.revision}"
    return f"`{upstream.file}` of `{upstream.repository}`{revision}"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
