"""`hub admin key`: signing keys of accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.options import Endpoint, administration, group, lines

keys = group("Signing keys of accounts: public keys and certificates.")


@keys.command("add")
def add(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    pem: Annotated[Path, Argument(help="File with a public key or certificate in PEM format.")],
    label: Annotated[str, Option(help="Name of the key (default: the file name).")] = "",
    endpoint: Endpoint = "",
) -> None:
    """Register a key for the artifacts of an account."""
    from server.parts.signatures.operations import AddSigningKey
    from server.parts.signatures.signatures import read_key

    found = read_key(pem)
    with administration(endpoint) as admin:
        made = admin.run(AddSigningKey(account=account, name=label or pem.stem, pem=found.pem))
    print(f"{made.kind} {made.name} of {made.account}: sha256:{made.fingerprint}")


@keys.command("list")
def show(account: Annotated[str, Argument(help="A user or an organisation.")], endpoint: Endpoint = "") -> None:
    """List the signing keys of an account: fingerprint, kind, name."""
    from server.parts.signatures.operations import ListSigningKeys

    with administration(endpoint) as admin:
        found = admin.run(ListSigningKeys(account=account))
    lines([(key.fingerprint, key.kind, key.name) for key in found])


@keys.command("revoke")
def revoke(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    fingerprint: Annotated[str, Argument(help="Fingerprint, or at least its first eight digits.")],
    endpoint: Endpoint = "",
) -> None:
    """Revoke a key for new revisions. Revisions that were verified before stay verified."""
    from server.parts.signatures.operations import RevokeSigningKey

    with administration(endpoint) as admin:
        admin.run(RevokeSigningKey(account=account, fingerprint=fingerprint.removeprefix("sha256:")))
    print(f"{fingerprint} of {account} is revoked")
