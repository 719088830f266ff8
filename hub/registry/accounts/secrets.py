"""Generate and verify secrets: random tokens are stored as SHA-256, passwords as Argon2id hashes.

Argon2id uses the parameters of RFC 9106, the defaults of `argon2-cffi`.
"""

from __future__ import annotations

import hashlib
import secrets
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

PREFIX = "hf_lh_"
"""Lets people and secret scanners recognise a token. Hugging Face's JavaScript client refuses tokens that do not start with `hf_`."""
PREFIXES = (PREFIX, "lh_")
"""Prefixes of all tokens that were ever issued."""
MIN_LENGTH = 10
"""Minimum length of a password in characters. NIST SP 800-63B requires at least eight."""
MAX_LENGTH = 1024
_HASHING_SLOTS = BoundedSemaphore(4)
"""Each hash takes 64 MiB, so the number of simultaneous logins is bounded."""
_DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXRoaW5nIG5vYm9keSBrbm93cw$0jiPzUG5sqPnIxPLBTdFyuGNmQm+WnMUZmy1PGOyA1w"
)
"""Verified when there is no such user, so that the response takes as long."""


def new_secret(prefix: str = PREFIX) -> str:
    """Return a prefix and 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """Return the stored form of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def hash_password(password: str) -> str:
    """Return the stored form of a password. Raises InvalidRequest, MissingExtra."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidRequest(f"a password must have {MIN_LENGTH} to {MAX_LENGTH} characters.")
    return _hasher().hash(password)


def verify_password(hashed: str | None, password: str) -> bool:
    """Return whether `hashed` is the hash of `password`; False, after the same time, without a hash."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        with _HASHING_SLOTS:
            return _hasher().verify(hashed or _DUMMY_HASH, password[: MAX_LENGTH + 1]) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtra("serve", "a password") from error
    return PasswordHasher()
