"""`hub sign`: sign a folder before it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, prompt


def sign(
    folder: Annotated[Path, Argument(help="What `hub push` would publish.")],
    key: Annotated[Path, Option(help="Private key in PEM: an elliptic-curve key, P-256, P-384 or P-521.")],
    password: Annotated[bool, Option("--password", help="Ask for the password of the key.")] = False,
) -> None:
    """Sign all files of FOLDER into its model.sig."""
    from server.parts.signatures.signatures import sign as make

    typed = prompt("Password of the key", hide_input=True, err=True) if password else None
    target, files = make(folder, key, typed)
    print(f"{files} files are signed in {target}: publish them with `hub push {folder}`")
