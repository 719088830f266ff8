"""The command `hub`.

One file per command. `main` is the only place that turns errors into messages and exit codes: 0 success, 1 failure, 2 invalid
request, 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from typer import Abort
from typer.exceptions import TyperException

from hub.cli.commands import program
from hub.errors import HubError, MissingExtra, YankedRevision

__all__ = ["main"]

INTERRUPTED = 130
"""128 + SIGINT, as in shells."""
LIBRARIES = (
    "accelerate", "bitsandbytes", "diffusers", "huggingface_hub", "kernels", "peft", "torch.utils._pytree", "torchao", "transformers",
)  # fmt: skip
"""Loggers that libraries warn with."""
OWN_PACKAGES = {"hub", "server", "trainers"}
"""Packages whose warnings are for the people who run a command."""
OBJECTS_BEFORE_COLLECTION = 50_000
"""With Python's own 700, `hub generate` spends 1.5 s on traversing what torch and diffusers create while they are imported; now .4 s."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hub` with `arguments` (default: those of the process) and return the exit code."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    # The interpreter collects once more before it exits, which frees nothing that the system does not.
    atexit.register(gc.freeze)
    if sys.stderr.isatty():
        _show_progress()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", YankedRevision)
            warnings.showwarning = partial(_warn, warnings.showwarning)
            _quiet_libraries()
            code = program().main(args=arguments, prog_name="hub", standalone_mode=False)
        sys.stdout.flush()
    except HubError as error:
        return _fail(str(error), error.exit_code)
    except TyperException as error:
        return _fail(_with_hint(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # `hub search | head` closes the pipe. The interpreter flushes once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        from hub.cli.extras import extra_with

        if (extra := extra_with(error.name or "")) is None:
            raise
        missing = MissingExtra(extra, "this command")
        return _fail(str(missing), missing.exit_code)
    except OSError as error:
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.", 1)
    return code if isinstance(code, int) else 0


def _show_progress() -> None:
    """Print what takes long before the command's own work, such as building the registry on first use."""
    log = logging.getLogger("hub.local")
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.INFO)


def _quiet_libraries() -> None:
    """Hide the warnings that libraries log while they are imported: about optional kernels, none of which is used here."""
    os.environ.setdefault(
        "DIFFUSERS_VERBOSITY", "error"
    )  # When it is imported, diffusers sets the level of its logger.
    for library in LIBRARIES:
        if not logging.getLogger(library).level:
            logging.getLogger(library).setLevel(logging.ERROR)


def _warn(show: Callable[..., None], message: Warning | str, category: type[Warning], *rest: Any) -> None:
    """Print linguahub's warnings on one line, like errors, and others only if requested with Python's `-W` or PYTHONWARNINGS."""
    if category.__module__.partition(".")[0] in OWN_PACKAGES:
        print(f"hub: {message}", file=sys.stderr)
    elif sys.warnoptions:
        show(message, category, *rest)


def _fail(message: str, code: int) -> int:
    print(f"hub: {message}", file=sys.stderr)
    return code


def _with_hint(error: TyperException) -> str:
    """Return Typer's message with a pointer to the command's help."""
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().split())
    if not message.endswith("."):
        message += "."
    return f"{message} See `{context.command_path} --help`." if context is not None else message
