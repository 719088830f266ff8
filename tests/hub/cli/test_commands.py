"""`hub` itself: which commands there are, and how failures leave it."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from diffusers.utils import logging as diffusers_logging

from hub.cli import commands
from hub.cli.commands import OWN
from hub.errors import Conflict, DamagedFile, MissingExtra, UnknownArtifact


@pytest.fixture
def advertise(monkeypatch):
    def advertise(**targets: str) -> None:
        points = {name: EntryPoint(name, target, commands.GROUP) for name, target in targets.items()}
        monkeypatch.setattr(commands, "advertised", lambda group: points)

    return advertise


def test_help_lists_own_commands_and_those_other_packages_advertise(hub, advertise):
    advertise(greet="tests_of_another_package:greet")
    answer = hub("--help")
    assert answer.code == 0
    assert all(f"\n  {name} " in answer.out for name in [*OWN, "greet"])


def test_without_arguments_it_prints_its_help(hub):
    assert hub() == hub("--help")


def test_a_command_that_cannot_be_imported_reports_it_when_it_is_run_and_never_before(hub, advertise):
    advertise(greet="tests_of_another_package:greet")
    assert hub("search").code == 0
    answer = hub("greet", "--loudly", "you")
    assert answer.code == 1
    assert "`hub greet`" in answer.err
    assert "hub doctor" in answer.err
    assert "Traceback" not in answer.err


def test_an_advertised_command_runs(hub, advertise):
    advertise(size="hub.cli.find.bases:bases")
    assert "small-sd" in hub("size").out


def test_a_misspelt_command_names_its_neighbours(hub):
    answer = hub("languags")
    assert answer.code == 2
    assert answer.err == "hub: unknown command `languags`. Did you mean `hub languages`? List them with `hub --help`.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownArtifact("mulan-yp", ["mulan-yo"]), 2),
        (MissingExtra("load", "`load_pipeline`"), 2),
        (Conflict("another push was first."), 1),
        (DamagedFile("these bytes are not those."), 1),
        (OSError(28, "No space left on device", "blob"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_is_one_line_with_its_own_exit_code(hub, monkeypatch, error, code):
    def fail() -> None:
        raise error

    monkeypatch.setattr("hub.cli.maintain.index.index", fail)
    answer = hub("index")
    assert answer.code == code
    assert answer.err.startswith("hub: ")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "extra"), [("torch.nn", "load"), ("PIL", "load"), ("pyarrow", "train"), ("fastapi", "serve")]
)
def test_a_missing_package_is_reported_with_its_extra(hub, monkeypatch, module, extra):
    def lack() -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("hub.cli.maintain.index.index", lack)
    answer = hub("index")
    assert (answer.code, answer.err) == (
        2,
        f"hub: this command needs the extra `{extra}`: pip install 'linguahub[{extra}]'.\n",
    )


def test_an_interrupt_leaves_quietly_with_130(hub, monkeypatch):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.cli.maintain.index.index", interrupt)
    answer = hub("index")
    assert answer.code == 130
    assert "Traceback" not in answer.err


def test_a_fault_of_ours_is_not_hidden(hub, monkeypatch):
    def stumble() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hub.cli.maintain.index.index", stumble)
    with pytest.raises(ZeroDivisionError):
        hub("index")


def test_a_reader_that_closes_the_pipe_causes_no_message(home):
    script = f"{sys.executable} -c 'import sys; from hub.cli import main; sys.exit(main([\"languages\"]))' | true"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert done.stderr == ""


@pytest.mark.parametrize(("chosen", "level"), [("", logging.ERROR), ("info", logging.INFO)])
def test_diffusers_logs_errors_alone_unless_the_user_chooses_otherwise(hub, monkeypatch, chosen, level):
    monkeypatch.setenv("DIFFUSERS_VERBOSITY", chosen)
    if not chosen:
        monkeypatch.delenv("DIFFUSERS_VERBOSITY")
    hub("--version")
    assert diffusers_logging._get_default_logging_level() == level


def test_the_version_is_the_distributions(hub):
    from importlib.metadata import version

    assert hub("--version").out == f"linguahub {version('linguahub')}\n"


def test_completion_lists_commands_and_options(hub, monkeypatch):
    monkeypatch.setenv("_HUB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "hub se")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert "search" in hub().out.split()
