"""Download the sources of the emoji data set: pinned packages, verified by digest.

| source | contents | licence |
|---|---|---|
| npm `cldr-annotations-full` | names and keywords of emoji, by language | Unicode-3.0 |
| npm `cldr-annotations-derived-full` | the same for skin tones, flags and sequences | Unicode-3.0 |
| Debian `fonts-noto-color-emoji` | the images | OFL-1.1 |
| Debian `unicode-data` | groups and sub-groups (`emoji-test.txt`) | Unicode-3.0 |
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from hub.errors import DamagedFile

NPM_PACKAGES = {
    "cldr-annotations-full": (
        "48.2.0",
        "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
    ),
    "cldr-annotations-derived-full": (
        "48.2.0",
        "4be946ff5815f806ec78b50363d577a769f2fbfb90c6380a44e161a92436996e",
    ),
}
DEBIAN_PACKAGES = {
    "fonts-noto-color-emoji": (
        "2.042-0+deb12u1",
        "a5ab0f69c7938423862320d9aca5dd187b3fd879d6a9a57dd52e17c3fa8d2751",
    ),
    "unicode-data": (
        "15.0.0-1",
        "5efef23bbb1c6a133ecbdd63a2cfa07159ccacf5466a49e2426101c5ecd691fc",
    ),
}


@dataclass(frozen=True, slots=True)
class DatasetSources:
    """Paths of the unpacked sources."""

    annotations: Path
    """Folder with one `<language>/annotations.json` per language."""
    derived: Path
    """The same for derived annotations."""
    font: Path
    emoji_test: Path


def fetch(folder: Path) -> DatasetSources:
    """Download, verify and unpack every source below `folder`; skip sources that are already there.

    Raises `DamagedFile` for an archive with another digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, (version, sha256) in NPM_PACKAGES.items():
        archive = folder / f"{name}-{version}.tgz"
        if not archive.exists():
            _run(["npm", "pack", "--silent", f"{name}@{version}"], folder)
        _check(archive, sha256)
        target = folder / name
        if not target.exists():
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
    for name, (version, sha256) in DEBIAN_PACKAGES.items():
        target = folder / name
        if not any(folder.glob(f"{name}_*.deb")):
            _run(["apt-get", "download", "-qq", f"{name}={version}"], folder)
        archive = next(folder.glob(f"{name}_*.deb"))
        _check(archive, sha256)
        if not target.exists():
            _run(["dpkg", "-x", archive.name, name], folder)
    return DatasetSources(
        annotations=folder / "cldr-annotations-full/package/annotations",
        derived=folder / "cldr-annotations-derived-full/package/annotationsDerived",
        font=folder / "fonts-noto-color-emoji/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
        emoji_test=folder / "unicode-data/usr/share/unicode/emoji/emoji-test.txt",
    )


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _check(archive: Path, sha256: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DamagedFile(
            f"`{archive.name}` has the digest {found}, expected {sha256}: delete the file and run the command again."
        )
