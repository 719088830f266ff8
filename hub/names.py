"""Names, digests and paths: parsed here, refused here, trusted everywhere else."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from hub.errors import WrongName, WrongPath

LENGTH = 96
"""Longest owner or name, as on the Hugging Face Hub."""
LONGEST_PATH, LONGEST_PART = 1024, 255
"""Bytes in UTF-8 of a path and of a name in it, as most file systems have it."""
COMMIT_DIGITS = 40
"""How much of a revision's id serves as a commit id: Hugging Face's clients expect as many as git has."""
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_RESERVED = {
    "api",
    "datasets",
    "spaces",
    "kernels",
    "models",
    "static",
    "docs",
    "assets",
    "oauth",
    "device",
    "login",
    "logout",
    "settings",
    "new",
    "lfs",
    "cas",
    "v1",
}
"""Owners that would hide a route of the server."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The SHA-256 of some bytes, as 64 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if re.fullmatch(r"[0-9a-f]{64}", self.hex) is None:
            raise WrongName(f"a digest is 64 lowercase hex digits, not {self.hex[:80]!r}.")

    def __str__(self) -> str:
        return self.hex


@dataclass(frozen=True, slots=True, order=True)
class ArtifactName:
    """`owner/name`. Two names that differ in case alone are the same name to the registry."""

    owner: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.owner, self.name):
            _check_part(part)
        if self.owner.lower() in _RESERVED:
            raise WrongName(f"`{self.owner}` cannot own artifacts: the server needs that word for itself.")

    @classmethod
    def parse(cls, text: str, default_owner: str) -> ArtifactName:
        """Read `owner/name`, or `name` of the default owner."""
        owner, slash, name = text.partition("/")
        return cls(owner, name) if slash else cls(default_owner, text)

    @property
    def key(self) -> str:
        """What must be unique."""
        return str(self).lower()

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def bare_ref(revision: str) -> str:
    """A branch or tag without what git spells before it: `refs/heads/main` is `main`."""
    return re.sub(r"^refs/(heads|tags)/", "", revision)


def check_owner(name: str) -> str:
    """The name of an account, or WrongName."""
    return ArtifactName(name, "any").owner


def check_path(path: str) -> PurePosixPath:
    """A relative path inside a repository that every file system keeps as it is, or WrongPath."""
    parts = path.split("/")
    if not path or any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts):
        raise WrongPath(f"{path[:200]!r} is no path inside a repository: use `folder/file`, without `..`.")
    if any(_cannot_be_kept(character) for character in path):
        raise WrongPath(f"{path[:200]!r} holds a character that not every file system can keep.")
    if any(part[-1] in ". " or part.partition(".")[0].upper() in _DEVICES for part in parts):
        raise WrongPath(
            f"{path[:200]!r} holds a name that Windows cannot keep: one that ends in a dot or space, or `NUL`."
        )
    if len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise WrongPath(
            f"{path[:60]!r}… is too long: {LONGEST_PATH} bytes, and {LONGEST_PART} between two `/`, are the most."
        )
    plain = unicodedata.normalize("NFKC", path)
    if plain.count("/") != path.count("/") or "\\" in plain or {"..", ".", ".git"} & set(plain.lower().split("/")):
        raise WrongPath(f"{path[:200]!r} holds letters that only look like `/`, `.` or `\\`: write it in plain ones.")
    return PurePosixPath(path)


def _cannot_be_kept(character: str) -> bool:
    """Controls, what Windows forbids, look-alikes of `/`, and marks that hide or turn what is written.

    The two joiners are letters of Persian, Hindi and emoji.
    """
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in "\u200c\u200d"
    return hidden or character in '\\:*?"<>|\u2044\u2215\u2216\u29f5\u29f8'


def _check_part(part: str) -> None:
    if len(part) > LENGTH or _PART.fullmatch(part) is None or "--" in part or ".." in part or part.endswith(".git"):
        raise WrongName(
            f"{part[:100]!r} is no name: use up to {LENGTH} letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit."
        )
