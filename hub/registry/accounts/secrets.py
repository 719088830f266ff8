"""Secrets: made here and known by their SHA-256 afterwards, or chosen by people and kept as Argon2id makes of them.

Argon2id has the parameters of RFC 9106 that `argon2-cffi` chooses.
"""

from __future__ import annotations

import hashlib
import secrets
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

PREFIX = "lh_"
"""Lets people and secret scanners see what it is."""
MIN_LENGTH = 10
"""Characters of a password. NIST SP 800-63B asks for eight at least."""
MAX_LENGTH = 1024
_AT_ONCE = BoundedSemaphore(4)
"""Each comparison takes 64 MiB: somebody who knocks a hundred times at once must not take them all."""
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXRoaW5nIG5vYm9keSBrbm93cw$0jiPzUG5sqPnIxPLBTdFyuGNmQm+WnMUZmy1PGOyA1w"
"""Compared with when there is no such user, so that the answer takes as long."""


def new_secret(prefix: str = PREFIX) -> str:
    """256 random bits that say what they are."""
    return prefix + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """What is kept of a secret that nobody can guess."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def digest_of(password: str) -> str:
    """What is kept of a password."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidRequest(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether `kept` was made of `password`."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        with _AT_ONCE:
            return _hasher().verify(kept or _NOBODYS, password[: MAX_LENGTH + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtra("serve", "a password") from error
    return PasswordHasher()
