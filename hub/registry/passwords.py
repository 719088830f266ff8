"""Passwords, as Argon2id keeps them with the parameters of RFC 9106 that `argon2-cffi` chooses."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from hub.errors import MissingExtra, WrongRequest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
"""Characters. NIST SP 800-63B asks for eight at least."""
LONGEST = 1024
_AT_ONCE = BoundedSemaphore(4)
"""Each comparison takes 64 MiB: somebody who knocks a hundred times at once must not take them all."""
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXRoaW5nIG5vYm9keSBrbm93cw$0jiPzUG5sqPnIxPLBTdFyuGNmQm+WnMUZmy1PGOyA1w"
"""Compared with when there is no such user, so that the answer takes as long."""


def digest_of(password: str) -> str:
    """What is kept of a password."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WrongRequest(f"a password has {SHORTEST} to {LONGEST} characters.")
    return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether `kept` was made of `password`."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        with _AT_ONCE:
            return _hasher().verify(kept or _NOBODYS, password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtra("serve", "a password") from error
    return PasswordHasher()
