"""`hub admin key`: public keys and certificates that accounts sign with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import group, lines, opened, operator

keys = group("Public keys and certificates that accounts sign with.")


@keys.command("add")
def add(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    pem: Annotated[Path, Argument(help="File with a public key or a certificate, in PEM.")],
    label: Annotated[str, Option(help="What to call it; the file's name when absent.")] = "",
) -> None:
    """Let signatures by a key count for what the account owns."""
    from hub.registry.signing_keys import add_key
    from hub.signatures import read_key

    found = read_key(pem)
    with opened() as hub:
        owner = hub.accounts.get(account)
        made = add_key(
            hub.registry.database, owner, label or pem.stem, found.pem, found.kind, found.fingerprint, operator()
        )
    print(f"{made.kind} {made.name} of {made.account}: sha256:{made.fingerprint}")


@keys.command("list")
def show(account: Annotated[str, Argument(help="A user or an organisation.")]) -> None:
    """List them: fingerprint, kind, name."""
    from hub.registry.signing_keys import keys_of

    with opened() as hub:
        found = keys_of(hub.registry.database, hub.accounts.get(account))
    lines([(key.fingerprint, key.kind, key.name) for key in found])


@keys.command("revoke")
def revoke(
    account: Annotated[str, Argument(help="A user or an organisation.")],
    fingerprint: Annotated[str, Argument(help="Or its first eight digits or more.")],
) -> None:
    """Trust a key no longer for what comes. What was signed before stays as it was found then."""
    from hub.registry.signing_keys import revoke_key

    with opened() as hub:
        revoke_key(hub.registry.database, hub.accounts.get(account), fingerprint.removeprefix("sha256:"), operator())
    print(f"{fingerprint} of {account} is revoked")
