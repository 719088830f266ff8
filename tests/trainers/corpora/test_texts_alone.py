"""Corpora without images: parallel texts, or English alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hub.cli.commands import as_command
from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training.captions import Rows, opened
from tests.builders.training.toy import WORDS
from trainers.cli import train
from trainers.corpora.columns import Columns

PARALLEL = [{"en": word, "yo": yoruba} for word, (yoruba, _) in WORDS.items()]
COLUMNS = Columns("", (("en", "en"), ("yo", "yo")), held_out_share=0.0)


def write(folder: Path, layout: str, rows: Rows) -> Path:
    folder.mkdir(exist_ok=True)
    place = folder / f"texts.{layout}"
    if layout == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), place)
    elif layout == "csv":
        place.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]))
    else:
        place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.mark.parametrize("layout", ["parquet", "csv", "jsonl"])
def test_texts_alone_are_read_from_a_file_or_its_folder(layout: str, tmp_path: Path) -> None:
    place = write(tmp_path / "own", layout, PARALLEL)
    for each in (place, place.parent):
        corpus = opened(each, COLUMNS)
        assert not corpus.has_images
        assert [(e.text, e.meaning) for e in corpus.examples("yo")] == [(row["yo"], row["en"]) for row in PARALLEL]
        assert len({example.concept for example in corpus.examples("yo")}) == len(PARALLEL)
        assert "12 texts without images" in corpus.report()[0]
    with pytest.raises(InvalidRequest, match="has no images"):
        corpus.images([corpus.examples("yo")[0].concept])


def run(hub: LocalHub, place: Path, method: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    arguments = [method, "--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", str(place), "--steps", "3"]
    arguments += ["--caption-column", "en=en", "--held-out-share", "0", "--device", "cpu", "--json", *more]
    as_command("train", train).main(args=arguments, standalone_mode=False)
    outcome: dict[str, Any] = json.loads(capsys.readouterr().out)
    return outcome


def test_a_method_on_texts_is_trained_on_parallel_texts_and_on_english_alone(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write(tmp_path / "own", "jsonl", PARALLEL)
    parallel = run(hub, place, "token-kd", capsys, "--lang", "yo", "--caption-column", "yo=yo")
    english = run(hub, place, "token-kd", capsys, "--lang", "en", "--name", "english")
    for outcome in (parallel, english):
        assert torch.isfinite(torch.tensor(list(outcome["losses"]["distil"].values()))).all()
        assert outcome["scores"] == []


def test_a_method_that_needs_images_is_refused_in_one_line_that_names_methods_that_do_not(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write(tmp_path / "own", "jsonl", PARALLEL)
    with pytest.raises(InvalidRequest, match=r"`mulan` needs images in its phase `denoise`.*token-kd") as caught:
        run(hub, place, "mulan", capsys, "--lang", "yo", "--caption-column", "yo=yo")
    assert "\n" not in str(caught.value)
    recipe = tmp_path / "texts.yaml"
    recipe.write_text("method: pea\nphases:\n  distil:\n    batch_size: 4\n")
    outcome = run(hub, place, "pea", capsys, "--lang", "yo", "--caption-column", "yo=yo", "--recipe", str(recipe))
    assert list(outcome["losses"]) == ["distil"]
