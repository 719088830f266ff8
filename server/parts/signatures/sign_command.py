"""`hub sign`: sign a folder before publishing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, prompt


def sign(
    folder: Annotated[Path, Argument(help="Folder to publish with `hub push`.")],
    key: Annotated[Path, Option(help="Private elliptic-curve key in PEM format: P-256, P-384 or P-521.")],
    password: Annotated[bool, Option("--password", help="Prompt for the password of the key.")] = False,
) -> None:
    """Sign all files of FOLDER and write FOLDER/model.sig."""
    from server.parts.signatures.signatures import sign as make

    typed = prompt("Password of the key", hide_input=True, err=True) if password else None
    target, files = make(folder, key, typed)
    print(f"signed {files} files in {target}: publish with `hub push {folder}`")
