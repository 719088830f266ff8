"""What is known of a revision's trust: files that can run code, what scanners found in them, and who has signed."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from fastapi import Request
from pydantic import BaseModel, Field

from hub.accounts import Account
from hub.errors import Forbidden
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.registry.scans import Scan, scans_in, worst
from hub.registry.signing_keys import LONGEST_PEM, add_key, keys_of, revoke_key
from hub.signatures import fingerprint_of
from server.access import Hub, Wanted
from server.addresses import Segment
from server.api.document import documented, query_parameter
from server.identity import actor_of, caller_of, insist_on_administering


class UnsafeFile(BaseModel):
    """A file that can run code when it is loaded."""

    path: str
    kind: str = Field(description="`pickle`, `archive` or `program`.")
    verdict: str = Field(description="`unscanned`, `clean`, `suspicious`, `malicious` or `inconclusive`.")
    scanner: str
    scanned_at: datetime | None
    evidence: list[str]


class SignatureBody(BaseModel):
    """What was found out about the signature when the revision was made."""

    verified: bool
    method: str
    signer: str
    account: str = Field(description="Who has registered the key; empty for nobody.")
    fingerprint: str
    reason: str


class SecurityBody(BaseModel):
    """A scan that finds nothing is a tripwire that nobody has touched, and no proof that a file is harmless."""

    revision: str
    any_file: bool = Field(description="An administrator has allowed files that can run code.")
    verdict: str = Field(description="The worst of all files; empty when none can run code.")
    unsafe_files: list[UnsafeFile]
    verified_by: str = Field(description="Account and key; empty when unsigned or not verified.")
    signature: SignatureBody | None


class SigningKeyBody(BaseModel):
    """A public key or a certificate that an account signs with."""

    account: str
    name: str
    kind: str
    fingerprint: str
    pem: str


class SigningKeys(BaseModel):
    """All of an account."""

    items: list[SigningKeyBody]


class NewKey(BaseModel):
    """A public key or certificate in PEM, and what to call it."""

    name: str = Field(examples=["laptop"])
    pem: str = Field(max_length=LONGEST_PEM)


def get_security(request: Request, hub: Hub, artifact: Wanted) -> SecurityBody:
    """Files of a revision that can run code, what scanners found, and who has signed."""
    found = hub.registry.revision(artifact.name, request.query_params.get("revision") or "main")
    scans = scans_in(hub.registry.database, found.id)
    signature = found.signature
    fields = {name: getattr(signature, name) for name in SignatureBody.model_fields} if signature else None
    return SecurityBody(
        revision=found.id,
        any_file=artifact.any_file,
        verdict=worst(scans.values()),
        unsafe_files=[_file(path, scan) for path, scan in scans.items()],
        verified_by=f"{signature.account}, {signature.signer}" if signature and signature.verified else "",
        signature=SignatureBody(**fields) if fields else None,
    )


def list_signing_keys(hub: Hub, account: Segment) -> SigningKeys:
    """The public keys of an account: anybody may check its signatures."""
    return _keys(hub, hub.accounts.get(account))


def add_signing_key(request: Request, hub: Hub, account: Segment, body: NewKey) -> SigningKeyBody:
    """Register a public key or certificate; what was signed before is not looked at again."""
    owner = _governed(request, hub, account)
    kind, fingerprint = fingerprint_of(body.pem)
    actor = actor_of(request, caller_of(request, hub))
    made = add_key(hub.registry.database, owner, body.name, body.pem, kind, fingerprint, actor)
    return SigningKeyBody(**{name: getattr(made, name) for name in SigningKeyBody.model_fields})


def revoke_signing_key(request: Request, hub: Hub, account: Segment, fingerprint: Segment) -> SigningKeys:
    """Trust a key no longer for what comes."""
    owner = _governed(request, hub, account)
    revoke_key(hub.registry.database, owner, fingerprint, actor_of(request, caller_of(request, hub)))
    return _keys(hub, owner)


def _governed(request: Request, hub: LocalHub, name: str) -> Account:
    """The account, if the caller may act for all of it. Raises Unauthenticated, Forbidden, UnknownAccount."""
    caller = caller_of(request, hub)
    insist_on_administering(caller, ArtifactName(hub.accounts.get(name).name, "any"))
    if caller.token is not None and caller.token.artifact:
        raise Forbidden(f"signing keys of `{name}` need a token for all that it may.")
    return hub.accounts.get(name)


def _keys(hub: LocalHub, account: Account) -> SigningKeys:
    listed = keys_of(hub.registry.database, account)
    return SigningKeys(
        items=[SigningKeyBody(**{name: getattr(key, name) for name in SigningKeyBody.model_fields}) for key in listed]
    )


def _file(path: str, scan: Scan) -> UnsafeFile:
    return UnsafeFile(
        path=path,
        kind=scan.kind,
        verdict=scan.verdict,
        scanner=scan.scanner,
        scanned_at=scan.scanned_at,
        evidence=list(scan.evidence),
    )


_trust = partial(documented, tag="artifacts", errors=(404,))
_KEYS = "/accounts/{account}/signing-keys"
_ASKED = [
    *({"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in ("owner", "name")),
    query_parameter("revision", "Id, number, branch or tag; `main` when absent.", {"type": "string"}),
]
ROUTES = (
    _trust("GET", "/artifacts/{owner}/{name}/security", get_security, SecurityBody, parameters=_ASKED),
    _trust("GET", _KEYS, list_signing_keys, SigningKeys),
    _trust("POST", _KEYS, add_signing_key, SigningKeyBody, errors=(404, 409), login=True, status=201),
    _trust("DELETE", _KEYS + "/{fingerprint}", revoke_signing_key, SigningKeys, login=True),
)
