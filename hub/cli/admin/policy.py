"""`hub admin policy`: what people can do without an administrator."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.administration.account_policy import SetAccountPolicy, ShowAccountPolicy
from hub.cli.admin.options import Endpoint, lines, run


def policy(
    sign_up: Annotated[
        bool | None,
        Option("--sign-up/--no-sign-up", help="Whether visitors can create an account.", show_default=False),
    ] = None,
    organisations: Annotated[
        bool | None,
        Option(
            "--organisations/--no-organisations", help="Whether users can create organisations.", show_default=False
        ),
    ] = None,
    endpoint: Endpoint = "",
) -> None:
    """Show or set what people can do without an administrator. Both are off by default."""
    if sign_up is None and organisations is None:
        found = run(endpoint, ShowAccountPolicy())
    else:
        found = run(endpoint, SetAccountPolicy(sign_up=sign_up, organisations=organisations))
    allowed = {True: "allowed", False: "administrators only"}
    lines([("sign-up", allowed[found.sign_up]), ("organisations", allowed[found.organisations])])
