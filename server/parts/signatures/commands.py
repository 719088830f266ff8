"""`hub admin key`: public keys and certificates that accounts sign with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import Endpoint, administration, group, lines

keys = group("Public keys and certificates that accounts sign with.")


@keys.command("add")
def add(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    pem: Annotated[Path, Argument(help="File with a public key or a certificate, in PEM.")],
    label: Annotated[str, Option(help="What to call it; the file's name when absent.")] = "",
    endpoint: Endpoint = "",
) -> None:
    """Let signatures by a key count for what the account owns."""
    from server.parts.signatures.operations import AddSigningKey
    from server.parts.signatures.signatures import read_key

    found = read_key(pem)
    with administration(endpoint) as admin:
        made = admin.run(AddSigningKey(account=account, name=label or pem.stem, pem=found.pem))
    print(f"{made.kind} {made.name} of {made.account}: sha256:{made.fingerprint}")


@keys.command("list")
def show(account: Annotated[str, Argument(help="A user or an organisation.")], endpoint: Endpoint = "") -> None:
    """List them: fingerprint, kind, name."""
    from server.parts.signatures.operations import ListSigningKeys

    with administration(endpoint) as admin:
        found = admin.run(ListSigningKeys(account=account))
    lines([(key.fingerprint, key.kind, key.name) for key in found])


@keys.command("revoke")
def revoke(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    fingerprint: Annotated[str, Argument(help="Or its first eight digits or more.")],
    endpoint: Endpoint = "",
) -> None:
    """Trust a key no longer for what comes. What was signed before stays as it was found then."""
    from server.parts.signatures.operations import RevokeSigningKey

    with administration(endpoint) as admin:
        admin.run(RevokeSigningKey(account=account, fingerprint=fingerprint.removeprefix("sha256:")))
    print(f"{fingerprint} of {account} is revoked")
