"""The text in an image is read by Tesseract, and compared with the requested text."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training import published_benchmarks as published
from tests.builders.training.commands import json_of, run
from trainers.cli import evaluate
from trainers.evaluation.prompts.read_text import plain_text, similarity, text_reader, trained_file


def test_text_accuracy_compares_what_tesseract_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "bin/tesseract"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nif [ "$1" = --list-langs ]; then echo deu; else cat > /dev/null; echo " GEÖFFNET "; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    folder = published.lingt2i(tmp_path / "lingt2i")
    arguments = (
        "tiny-sd", "--benchmark", "lingt2i", "--split", "text_rendering", "--data", str(folder), "--judge", "emoji-judge",
        "--steps", "1", "--metric", "text_accuracy",
    )  # fmt: skip
    found = {score["metric"]: score["value"] for score in json_of(capsys, evaluate, *arguments, "--lang", "de")}
    assert found == {"text_accuracy": 1, "text_similarity": 1}
    with pytest.raises(
        InvalidRequest, match="tesseract has no file for English .eng.: install it .* tesseract-ocr-eng"
    ):
        run(evaluate, *arguments, "--lang", "en")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidRequest, match="text accuracy needs the program tesseract, which is not installed"):
        run(evaluate, *arguments, "--lang", "de")


def test_the_text_in_an_image_is_found_or_partly_found() -> None:
    assert plain_text(" ＯＰＥＮ\n now ") == plain_text("Open now")
    assert similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert (similarity("", "x"), similarity("X ", "x")) == (0, 1)
    assert [trained_file(tag) for tag in ("de", "zh", "yo", "sr-Latn")] == ["deu", "chi_sim", "yor", "srp_latn"]


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_a_clear_text() -> None:
    image = Image.new("RGB", (320, 96), "white")
    ImageDraw.Draw(image).text((20, 20), "OPEN", "black", ImageFont.load_default(48))
    assert plain_text(text_reader("en")(torch.from_numpy(np.array(image)).permute(2, 0, 1))) == "open"
