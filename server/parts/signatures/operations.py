"""Operations on signing keys, for owners and administrators. Anyone can list keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import Operation
from hub.errors import InvalidRequest
from hub.records import SigningKey
from server.parts.signatures.signing_keys import MAX_PEM, add_key, keys_of, revoke_key

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_KEYS = "/accounts/{account}/signing-keys"


class ListSigningKeys(Operation[list[SigningKey]]):
    """List the public keys of an account, which anyone can verify its signatures with."""

    path, tag, open_to = _KEYS, "artifacts", "everybody"
    account: str

    def run(self, hub: LocalHub, actor: Actor) -> list[SigningKey]:
        return keys_of(hub.registry.database, hub.accounts.get(self.account))


class AddSigningKey(Operation[SigningKey]):
    """Register a public key or certificate. Existing revisions are not verified again."""

    method, path, tag, open_to = "POST", _KEYS, "artifacts", "owners"
    status, errors = 201, (404, 409)
    account: str
    name: Annotated[str, {"examples": ["laptop"]}]
    pem: Annotated[str, {"maxLength": MAX_PEM}]

    def run(self, hub: LocalHub, actor: Actor) -> SigningKey:
        from server.parts.signatures.signatures import fingerprint_of

        owner = hub.accounts.get(self.account)
        if len(self.pem) > MAX_PEM:
            raise InvalidRequest(f"a public key or certificate has at most {MAX_PEM} characters, not {len(self.pem)}.")
        kind, fingerprint = fingerprint_of(self.pem)
        return add_key(hub.registry.database, owner, self.name, self.pem, kind, fingerprint, actor)


class RevokeSigningKey(Operation[list[SigningKey]]):
    """Revoke a key for new revisions, and list the remaining keys."""

    method, path, tag, open_to = "DELETE", f"{_KEYS}/{{fingerprint}}", "artifacts", "owners"
    account: str
    fingerprint: str

    def run(self, hub: LocalHub, actor: Actor) -> list[SigningKey]:
        owner = hub.accounts.get(self.account)
        revoke_key(hub.registry.database, owner, self.fingerprint, actor)
        return keys_of(hub.registry.database, owner)


OPERATIONS = (ListSigningKeys, AddSigningKey, RevokeSigningKey)
