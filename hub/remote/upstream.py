"""Published systems whose weights are elsewhere: fetch, check, convert, publish.

Transfers are `huggingface_hub`'s: they resume, show progress, and go to `HF_ENDPOINT` and through its cache.
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
from hub.errors import Damaged, Unreachable, WrongRequest
from hub.publish.card_only import weights_elsewhere
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Upstream
from hub.registry import Registry
from hub.store import BlobStore

ROUNDING = 0.01
"""Cards give sizes as file listings round them, `81.5 MB`: a file may differ by this share."""
PATIENCE_S = 10.0
"""How long a hub may take to answer the first knock."""
CONVERTED = ("adapter", "projector")
"""Kinds whose published files are of formats of ours."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def pull(
    artifact: Artifact, card: Path, registry: Registry, store: BlobStore, *, endpoint: str | None = None
) -> Revision:
    """Fetch what `artifact`'s card names upstream, convert it and publish it here under the same name.

    A card may name the files of a tokenizer beside the weights: then a text encoder that lies in them is taken, too.
    `card` is the folder of the card, which becomes part of the revision. Nothing is published unless all of it was fetched,
    checked and converted. Raises Unreachable, Damaged, WrongSource, WeightsDoNotFit, MissingExtra.
    """
    name = str(artifact.name)
    if not artifact.upstream:
        raise weights_elsewhere(artifact)
    weights = [each for each in artifact.upstream if Path(each.file).name not in TOKENIZER]
    if artifact.kind not in CONVERTED or len(weights) != 1 or not artifact.bases:
        raise WrongRequest(
            f"`{name}` cannot be converted: adapters and projectors with one upstream file and a base can. "
            f"{_where(artifact)} loads as it is in diffusers or transformers."
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
    """The file on this machine, whole: its size and, where one is known, its SHA-256 are right."""
    path = _download(upstream, endpoint)
    size_bytes = path.stat().st_size
    expected = upstream.size_bytes
    if expected is not None and abs(size_bytes - expected) > ROUNDING * expected:
        raise Damaged(
            f"{_title(upstream)} has {size_bytes} bytes; its card says {expected}. Remove `{path.name}` and pull again."
        )
    # huggingface_hub names a blob in its cache after the ETag, which is the SHA-256 of a large file.
    announced = upstream.digest or (found[0] if (found := _SHA256.fullmatch(path.resolve().name)) else "")
    if announced:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if upstream.digest and digest == path.resolve().name != upstream.digest:
            raise Damaged(
                f"{_title(upstream)} was changed upstream: its digest is {digest}, and its card pins {upstream.digest}. Nothing was "
                f"published: look at its page, and if you trust what is there now, fetch it yourself and `hub import {path.name}`."
            )
        if digest != announced:
            path.resolve().unlink()  # Else the cache would give the same bytes for ever.
            raise Damaged(f"{_title(upstream)} has the digest {digest}, and should have {announced}. Pull it again.")
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
        raise Unreachable(_silence(upstream, _first_line(error))) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise Unreachable(
            f"{_title(upstream)} is not there any more, or not for everybody: look at its page."
        ) from error
    except OSError as error:
        raise Unreachable(
            f"{_title(upstream)} cannot be fetched: {_first_line(error)}. Pull it again to resume."
        ) from error
    return Path(found)


def _check_reachable(upstream: Upstream, endpoint: str | None) -> None:
    """Raise Unreachable at once when nobody answers: huggingface_hub would ask for half a minute, a warning each time.

    Not asked when the file is in the cache already, or when a proxy speaks for us.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    address = urlsplit(endpoint or constants.ENDPOINT)
    cached = try_to_load_from_cache(upstream.repository, upstream.file, revision=upstream.revision)
    if isinstance(cached, str) or address.scheme in urllib.request.getproxies() or address.hostname is None:
        return
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=PATIENCE_S).close()
    except OSError as error:
        raise Unreachable(
            _silence(upstream, f"{address.hostname} does not answer ({error.strerror or error})")
        ) from error


def _silence(upstream: Upstream, reason: str) -> str:
    download = f"hf download {upstream.repository} {upstream.file}"
    return (
        f"{_title(upstream)} cannot be fetched: {reason}. Try again where there is a network: `{download}` must work."
    )


def _title(upstream: Upstream) -> str:
    revision = "" if upstream.revision == "main" else f" at {upstream.revision}"
    return f"`{upstream.file}` of `{upstream.repository}`{revision}"


def _where(artifact: Artifact) -> str:
    return f"`{artifact.upstream[0].repository}`" if artifact.upstream else "It"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
