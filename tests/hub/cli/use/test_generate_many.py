"""`hub generate` on many prompts: a labelled comparison, a file of prompts, and going on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hub.cli import main
from hub.images.text_rendering import width_of, wrap, write

QUICK = ["--steps", "2", "--device", "cpu", "--adapter", "mulan-yo"]


def test_a_comparison_has_the_base_alone_and_each_adapter_side_by_side(work_folder: Path, capsys: Any) -> None:
    given = ["aja", "mbwa", "--lang", "yo", "--lang", "sw", "--seed", "4", *QUICK]
    assert main(["generate", *given, "--compare", "--json", "-o", "all.png"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert [each["heading"] for each in first["columns"]] == ["tiny-sd alone", "mulan-yo"]
    assert [each["drawn"] for each in first["columns"]] == [True, True]
    assert [each["drawn"] for each in second["columns"]] == [True, False]
    assert second["columns"][1]["words"] == "does not read Swahili"
    with Image.open(work_folder / "all.png") as opened:
        text, sheet = opened.text, opened.convert("RGB")
    assert (text["prompt"], text["language"], text["columns"]) == ("aja\nmbwa", "yo\nsw", "tiny-sd alone\nmulan-yo")
    assert len(text["base revision"]) == len(text["adapter revision"]) == 64
    assert "diffusers" in text["libraries"]
    # The cell of the module is the image it draws alone, enlarged ten times; gaps and letters are 16 px.
    assert main(["generate", "aja", "--lang", "yo", "--seed", "4", *QUICK, "-o", "alone.png"]) == 0
    with Image.open(work_folder / "alone.png") as alone:
        large = np.asarray(alone.convert("RGB").resize((160, 160), Image.Resampling.LANCZOS), dtype=int)
    left = round(1.4 * 160) + 2 * 16 + 176
    column = np.asarray(sheet, dtype=int)[:, left : left + 160]
    assert (
        min(np.abs(column[y : y + 160] - large).max() for y in range(100)) <= 3
    )  # another batch size rounds otherwise


def test_a_batch_writes_numbered_images_and_can_be_resumed(work_folder: Path, capsys: Any) -> None:
    (work_folder / "prompts.txt").write_text("yo\taja\n\neye\nen\ta dog\n", encoding="utf-8")
    given = ["generate", "--batch", "prompts.txt", "-o", "out", *QUICK]
    assert main(given) == 0
    printed = capsys.readouterr()
    paths = ["out/0001.png", "out/0003.png", "out/0004.png"]
    assert printed.out.split() == paths
    assert "2 of 3: out/0003.png" in printed.err
    with Image.open(work_folder / paths[2]) as image:
        assert (image.text["prompt"], image.text["language"]) == ("a dog", "en")
    before = [(work_folder / path).stat().st_mtime_ns for path in paths]
    (work_folder / paths[1]).unlink()
    assert main([*given, "--resume", "--json"]) == 0
    assert [each["skipped"] for each in json.loads(capsys.readouterr().out)] == [True, False, True]
    after = [(work_folder / path).stat().st_mtime_ns for path in paths]
    assert (after[0], after[2]) == (before[0], before[2])
    assert main([*given, "--resume", "--seed", "1"]) == 2
    assert "`out/0001.png` was generated with seed '0', and line 1 needs '1'" in capsys.readouterr().err


def test_a_batch_can_come_from_standard_input(work_folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (work_folder / "given").open("w+b") as file:
        file.write(b"aja\r\n")
        file.seek(0)
        monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": file}))
        assert main(["generate", "--batch", "-", "-o", "out", *QUICK]) == 0
    assert capsys.readouterr().out == "out/0001.png\n"


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (b"aja\nxqz\teye\nyo\t \n", "prompts.txt: line 2: no language is called `xqz`"),
        (b"aja\nyo\t \n", "prompts.txt: line 2: no prompt after the tab."),
        (b"\teye\n", "line 1: no language before the tab."),
        (b"a\x07ja\n", "line 1: control character U+0007."),
        (b"aja\n\xff\xfe\n", "prompts.txt: line 2 is not UTF-8"),
        (b"\n \n", "prompts.txt has no prompts"),
    ],
)
def test_wrong_lines_are_refused_by_their_number(work_folder: Path, capsys: Any, written: bytes, line: str) -> None:
    (work_folder / "prompts.txt").write_bytes(written)
    assert main(["generate", "--batch", "prompts.txt", "-o", "out"]) == 2
    assert line in (printed := capsys.readouterr().err)
    assert len(printed.splitlines()) == 1
    assert not (work_folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "missing prompt"),
        (["aja", "--batch", "x"], "both as arguments and with --batch"),
        (["--batch", "none.txt"], "--batch `none.txt` cannot be read: No such file"),
        (["aja", "--resume"], "--resume continues a batch"),
        (["aja", "--grid", "--compare"], "cannot be used together"),
    ],
)
def test_requests_that_do_not_go_together_are_refused(
    work_folder: Path, capsys: Any, arguments: list[str], line: str
) -> None:
    assert main(["generate", *arguments]) == 2
    assert line in capsys.readouterr().err


SCRIPTS = ("ọkàn ẹ̀ṣọ́", "сердце", "καρδιά", "قلب أحمر", "लाल दिल", "হৃদয়", "红心", "ねこ", "고양이", "ቀይ", "หัวใจ", "გული", "սիրտ",
           "לב", "හදවත", "హృదయం", "ഹൃദയം", "ຫົວໃຈ", "នេះ", "နှလုံး", "𞤀𞤣𞤤𞤢𞤥", "ⵓⵍ", "❤")  # fmt: skip


@pytest.mark.parametrize("text", SCRIPTS)
def test_letters_of_every_script_are_visible(text: str) -> None:
    def ink(line: str) -> bytes:
        image = Image.new("RGB", (60, 60), "white")
        write(ImageDraw.Draw(image), (5, 40), line, 32)
        return image.tobytes()

    nothing, missing = ink(" "), ink("\U0010fffd")  # a character that no font has
    assert all(ink(letter) not in {nothing, missing} for letter in text if not letter.isspace() and letter.isalpha())
    assert ink(text) != nothing


def test_lines_break_within_their_width_and_lose_no_text() -> None:
    text = "ọkàn pupa lórí tábìlì mulan-sw-with-a-long-name 红心戴帽子的猫在桌子上睡觉"
    lines = wrap(text, 16, 120, most=99)
    assert all(width_of(line, 16) <= 120 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert len(wrap(text, 16, 120, most=2)) == 2 and wrap(text, 16, 120, most=2)[1].endswith("…")
