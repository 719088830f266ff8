"""`python -m trainers.lab.study` is `hub study`, also where the package is not installed."""

from __future__ import annotations

import sys

import typer

from hub.errors import HubError, InvalidRequest
from trainers.lab.study.command import study

if __name__ == "__main__":
    program = typer.Typer(add_completion=False)
    program.command()(study)
    try:
        program(standalone_mode=True)
    except HubError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
