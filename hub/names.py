"""Names, digests and paths, validated once and trusted everywhere else."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from hub.errors import InvalidName, InvalidPath

LENGTH = 96
"""Maximum length of an owner or name, as on the Hugging Face Hub."""
MAX_PATH, MAX_PART = 1024, 255
"""Maximum UTF-8 bytes of a path and of each part, as in most file systems."""
COMMIT_DIGITS = 40
"""Digits of a revision's id that serve as commit id: Hugging Face's clients expect those of git."""
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
_FORBIDDEN = frozenset('\\:*?"<>|\u2044\u2215\u2216\u29f5\u29f8')
"""Characters that Windows forbids in paths, and look-alikes of `/` and `\\`."""
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_RESERVED = {
    "recommend",
    "api",
    "datasets",
    "spaces",
    "kernels",
    "models",
    "static",
    "fonts",
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
    "advice",
    "bases",
    "benchmarks",
    "compare",
    "languages",
    "leaderboard",
    "methods",
    "parity",
    "publish",
    "status",
    "study",
    "try",
    "administration",
    "reset",
    "signup",
}
"""Owners that would shadow a route of the server."""


_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The SHA-256 of some bytes, as 64 lowercase hex digits."""

    hex: str

    def __post_init__(self) -> None:
        if _DIGEST.fullmatch(self.hex) is None:
            raise InvalidName(f"a digest is 64 lowercase hex digits, not {self.hex[:80]!r}.")

    def __str__(self) -> str:
        return self.hex


DATASETS = "datasets/"
"""Prefix of the names of data sets, as in URLs of the Hugging Face Hub."""


@dataclass(frozen=True, slots=True, order=True)
class ArtifactName:
    """`owner/name`, or `datasets/owner/name` for a data set: a model and a data set can have the same owner and name.

    Names that differ only in case are the same to the registry.
    """

    owner: str
    name: str
    is_dataset: bool = False

    def __post_init__(self) -> None:
        for part in (self.owner, self.name):
            _check_part(part)
        if self.owner.lower() in _RESERVED:
            raise InvalidName(f"`{self.owner}` is a reserved name: choose another owner.")

    @classmethod
    def parse(cls, text: str, default_owner: str) -> ArtifactName:
        """Parse `owner/name`, or `name` with the default owner, each with or without `datasets/`. Raises InvalidName."""
        return cls.parse_repository(text.removeprefix(DATASETS), default_owner, is_dataset=text.startswith(DATASETS))

    @classmethod
    def parse_repository(cls, text: str, default_owner: str, *, is_dataset: bool) -> ArtifactName:
        """Parse `owner/name`, or `name` with the default owner, where the kind is known. Raises InvalidName."""
        owner, slash, name = text.partition("/")
        return cls(owner, name, is_dataset) if slash else cls(default_owner, text, is_dataset)

    @property
    def key(self) -> str:
        """The lower-case form that must be unique."""
        return str(self).lower()

    @property
    def repository(self) -> str:
        """`owner/name`, as Hugging Face clients write it: they name the kind of the repository separately."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return f"{DATASETS if self.is_dataset else ''}{self.repository}"


def bare_ref(revision: str) -> str:
    """Return a branch or tag without git's prefix: `main` for `refs/heads/main`, and for `HEAD`, as on the Hugging Face Hub."""
    return "main" if revision == "HEAD" else re.sub(r"^refs/(heads|tags)/", "", revision)


def check_owner(name: str) -> str:
    """Return a valid account name. Raises InvalidName."""
    return ArtifactName(name, "any").owner


def check_path(path: str) -> PurePosixPath:
    """Return a relative path that is valid on every file system. Raises InvalidPath."""
    parts = path.split("/")
    if not path or any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts):
        raise InvalidPath(f"{path[:200]!r} is not a path inside a repository: use `folder/file`, without `..`.")
    is_plain = path.isascii() and path.isprintable()
    if not _FORBIDDEN.isdisjoint(path) or not (is_plain or all(map(_is_visible, path))):
        raise InvalidPath(f"{path[:200]!r} contains a character that some file systems do not allow: rename the file.")
    if any(part[-1] in ". " or part.partition(".")[0].upper() in _DEVICES for part in parts):
        raise InvalidPath(
            f"{path[:200]!r} contains a name that Windows does not allow: a reserved one like `NUL`, or one that ends in a dot or space."
        )
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_PART for part in parts):
        raise InvalidPath(f"{path[:60]!r}… is too long: use at most {MAX_PATH} bytes, and {MAX_PART} between two `/`.")
    plain = path if is_plain else unicodedata.normalize("NFKC", path)
    if plain.count("/") != path.count("/") or "\\" in plain or {"..", ".", ".git"} & set(plain.lower().split("/")):
        raise InvalidPath(f"{path[:200]!r} contains look-alikes of `/`, `.` or `\\`: use plain characters.")
    return PurePosixPath(path)


def _is_visible(character: str) -> bool:
    """Return False for controls, and for invisible or bidirectional marks.

    The two joiners are allowed: Persian, Hindi and emoji need them.
    """
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character in "\u200c\u200d"


def _check_part(part: str) -> None:
    if len(part) > LENGTH or _PART.fullmatch(part) is None or "--" in part or ".." in part or part.endswith(".git"):
        raise InvalidName(
            f"invalid name {part[:100]!r}: use up to {LENGTH} characters a–z, A–Z, 0–9, `-`, `_` and `.`, starting and ending with a "
            "letter or digit."
        )


def split_values(text: str) -> tuple[str, ...]:
    """Return the values of a filter that can have several: `adapter,encoder` has two."""
    return tuple(dict.fromkeys(value for each in text.split(",") if (value := each.strip())))
