"""How rows look in a terminal."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from hub.cli.terminal import bold, print_table, size, width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


@pytest.mark.parametrize(
    ("text", "columns"), [("Yorùbá", 6), ("Yoru\u0300ba\u0301", 6), ("中文", 4), ("น้ำ", 2), ("", 0)]
)
def test_width_counts_what_a_terminal_shows(text, columns):
    assert width(text) == columns


def test_columns_line_up_in_every_script(capsys):
    print_table(("NAME", "N"), [("中文", "1"), ("Yorùbá", "2"), ("x", "3")])
    assert capsys.readouterr().out.splitlines() == ["NAME    N", "中文    1", "Yorùbá  2", "x       3"]


def lines_in(terminal: Terminal, *arguments, **options) -> list[str]:
    with redirect_stdout(terminal):
        print_table(*arguments, **options)
    return terminal.getvalue().splitlines()


def test_only_texts_are_shortened_in_a_narrow_terminal(terminal):
    lines = lines_in(terminal, ("A", "B"), [("short", "a very long text that would wrap around")], cut=("B",))
    assert "\033[1m" in lines[0]
    assert lines[1].endswith("…")
    assert width(lines[1]) == 30


def test_columns_are_left_out_in_their_order_until_the_rest_fits(terminal):
    row = ("a-name-of-20-letters", "kind", "licence", "0.84")
    lines = lines_in(terminal, ("NAME", "KIND", "LICENCE", "SCORE"), [row], drop=("LICENCE", "KIND"))
    assert lines[1].split() == ["a-name-of-20-letters", "0.84"]


def test_a_name_is_never_shortened_even_if_the_line_wraps(terminal):
    name = "a-name-that-is-much-longer-than-the-terminal-is-wide"
    assert lines_in(terminal, ("NAME", "TEXT"), [(name, "x" * 40)], drop=("TEXT",), cut=("TEXT",))[1] == name


def test_no_color_is_obeyed(terminal, monkeypatch):
    with redirect_stdout(terminal):
        assert bold("x") == "\033[1mx\033[0m"
        monkeypatch.setenv("NO_COLOR", "1")
        assert bold("x") == "x"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (81_500_000, "81.5 MB"), (6_940_000_000, "6.9 GB")],
)
def test_sizes_are_decimal_as_on_the_hugging_face_hub(size_bytes, text):
    assert size(size_bytes) == text
