"""`hub generate` writes images with metadata, and errors of one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.cli import main
from hub.errors import DoesNotFit
from hub.images.generate import GenerationSettings, PromptWithLanguage, generate_images


def pixels(path: Path) -> Image.Image:
    """An image, its file closed again."""
    with Image.open(path) as image:
        return image.copy()


QUICK = ["--steps", "2", "--device", "cpu"]


def test_an_image_records_how_it_was_generated(work_folder: Path, capsys: Any) -> None:
    assert (
        main(["generate", "ajá", "--adapter", "mulan-yo", "--language", "yo", "--seed", "5", "-o", "dog.png", *QUICK])
        == 0
    )
    assert capsys.readouterr().out == "dog.png\n"
    with Image.open(work_folder / "dog.png") as image:
        assert image.size == (16, 16)
        text = image.text
    assert (text["prompt"], text["language"], text["base"], text["adapter"]) == ("ajá", "yo", "tiny-sd", "mulan-yo")
    assert (text["seed"], text["steps"], text["guidance"]) == ("5", "2", "3")


def test_the_same_seed_gives_the_same_image_in_any_batch(work_folder: Path) -> None:
    assert main(["generate", "aja", "--adapter", "mulan-yo", "-o", "alone.png", *QUICK]) == 0
    assert main(["generate", "eye", "aja", "--adapter", "mulan-yo", "-o", "two.png", *QUICK]) == 0
    alone, beside = (np.asarray(pixels(work_folder / name), dtype=int) for name in ("alone.png", "two-2.png"))
    difference = np.abs(alone - beside).max()
    assert difference <= 1  # another batch size sums in another order


def test_programs_get_objects_and_a_grid_is_one_file(work_folder: Path, capsys: Any) -> None:
    assert (
        main(
            [
                "generate",
                "aja",
                "a dog",
                "--adapter",
                "mulan-yo",
                "--language",
                "yo",
                "--language",
                "en",
                "--grid",
                "--json",
                *QUICK,
            ]
        )
        == 0
    )
    objects = json.loads(capsys.readouterr().out)
    assert [each["path"] for each in objects] == ["image.png", "image.png"]
    assert [each["language"] for each in objects] == ["yo", "en"]
    # Two 16-px images ten times as large, with gaps of 16 px, and words below.
    width, height = pixels(work_folder / "image.png").size
    assert width == 2 * 160 + 3 * 16 and 160 + 2 * 16 < height < 240


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["aja", "--base", "tiny-sdd"], "no base is called `tiny-sdd`. Did you mean `tiny-sd`?"),
        (["aja", "--base", "tiny-sd", "--adapter", "mulan-yoo"], "no artifact is called `mulan-yoo`. Did you mean"),
        (["aja", "--adapter", "mulan-yo", "--language", "ha"], "no loaded module reads Hausa"),
        (["aja", "--adapter", "mulan-yo", "-o", "dog.gif"], "`dog.gif` is not a PNG file"),
        (
            ["aja", "eye", "ile", "--lang", "yo", "--lang", "sw"],
            "--language is given 2 times, and the number of prompts is 3",
        ),
        ([" ", "--base", "tiny-sd"], "empty prompt"),
    ],
)
def test_invalid_requests_are_refused_in_one_line(
    work_folder: Path, capsys: Any, arguments: list[str], line: str
) -> None:
    assert main(["generate", *arguments, *QUICK]) == 2
    printed = capsys.readouterr()
    assert line in printed.err
    assert printed.err.splitlines()[-1].startswith("hub: ")
    assert "Traceback" not in printed.err
    assert list(work_folder.iterdir()) == []


def test_an_unwritable_path_is_reported(work_folder: Path, capsys: Any) -> None:
    (work_folder / "file").write_text("")
    assert main(["generate", "aja", "--adapter", "mulan-yo", "-o", "file/dog.png", *QUICK]) == 1
    assert "`file/dog.png` cannot be written" in capsys.readouterr().err


def test_a_pipeline_that_returns_something_else_is_refused_in_one_line() -> None:
    class Video:
        def __call__(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"frames": []}

        def readers(self, prompts: list[str], **_: Any) -> list[tuple[str, ...]]:
            return [("mulan-yo",) for _ in prompts]

    with pytest.raises(DoesNotFit, match="writes images, and Video returns frames: use `load_pipeline` in Python"):
        list(generate_images(Video(), [PromptWithLanguage("ajá", "yo")], GenerationSettings("", 0, 1, 1.0)))
