"""Rows of every format: images are only read when they are needed, and unreadable files are refused in one line."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hub.errors import DamagedFile, HubError, InvalidRequest
from tests.builders.training.captions import CAPTIONS, COLUMNS, LAYOUTS, as_parquet, as_shards, image, opened
from trainers.corpora.columns import Columns
from trainers.corpora.formats.parquet import ParquetFormat
from trainers.corpora.formats.shards import ShardFormat
from trainers.corpora.formats.tables import TableFormat

IMAGES = [image(number) for number in range(len(CAPTIONS))]
ENGLISH = Columns("", (("en", "caption_en"),), held_out_share=0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_opening_reads_no_image_and_opening_again_reads_no_row(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = LAYOUTS[layout](tmp_path / "own", CAPTIONS, IMAGES)
    for form in (ParquetFormat, ShardFormat, TableFormat):
        monkeypatch.setattr(form, "read", lambda *_: pytest.fail("an image was read"))
    expected = opened(place)
    for form in (ParquetFormat, ShardFormat, TableFormat):
        monkeypatch.setattr(form, "rows", lambda *_: pytest.fail("a row was read"))
    found = opened(place)
    assert (found.report(), found.digest) == (expected.report(), expected.digest)
    assert [*found.examples("yo")] == [*expected.examples("yo")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_are_the_same_in_any_order(layout: str, tmp_path: Path) -> None:
    corpus = opened(LAYOUTS[layout](tmp_path / "own", CAPTIONS, IMAGES))
    concepts = [example.concept for example in corpus.examples("en")]
    in_order = corpus.images(concepts)
    assert len(in_order.flatten(1).unique(dim=0)) == len(concepts), "each row has a colour of its own"
    mixed = torch.randperm(len(concepts), generator=torch.Generator().manual_seed(3))
    assert torch.equal(corpus.images([concepts[place] for place in mixed]), in_order[mixed])
    assert torch.equal(corpus.images([concepts[9], concepts[9]]), in_order[[9, 9]])
    with pytest.raises(KeyError):
        corpus.images(["somewhere/else"])


def test_changed_captions_are_read_again_and_change_the_digest(tmp_path: Path) -> None:
    place = as_parquet(tmp_path / "own", CAPTIONS, IMAGES)
    before = opened(place).digest
    (place / "train-00000.parquet").unlink()
    place.rmdir()
    as_parquet(place, [{**CAPTIONS[0], "caption_en": "wolf"}, *CAPTIONS[1:]], IMAGES)
    corpus = opened(place)
    assert corpus.digest != before
    assert "wolf" in {prompt.text for prompt in corpus.gallery("seen") + corpus.gallery("held-out")}


def test_parquet_files_with_many_row_groups_and_files_give_each_row_its_own_image(tmp_path: Path) -> None:
    place = tmp_path / "own"
    place.mkdir()
    for file in range(3):
        rows = [{"image": image(15 * file + n), "caption_en": f"star {15 * file + n}"} for n in range(15)]
        pq.write_table(pa.Table.from_pylist(rows), place / f"{file}.parquet", row_group_size=4)
    corpus = opened(place, ENGLISH)
    for example in corpus.examples("en"):
        number = int(example.text.removeprefix("star "))
        assert corpus.images([example.concept])[0, 0, 0, 0] == 5 * number


def urls(place: Path, layout: str, column: str = "url") -> Path:
    place.mkdir()
    rows = [{column: f"https://example.org/{n}.jpg", **each} for n, each in enumerate(CAPTIONS)]
    if layout == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), place / "0.parquet")
    elif layout == "webdataset":
        with tarfile.open(place / "0.tar", "w") as archive:
            member = tarfile.TarInfo("0.json")
            content = json.dumps(rows[0]).encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    else:
        (place / f"{layout}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.mark.parametrize("layout", ["parquet", "laion", "metadata", "webdataset"])
@pytest.mark.parametrize("column", ["url", "URL", "image_url"])
def test_a_list_of_addresses_is_refused_in_one_line_that_names_img2dataset(
    layout: str, column: str, tmp_path: Path
) -> None:
    for columns in (ENGLISH, Columns(column, ENGLISH.captions)) if layout != "webdataset" else (ENGLISH,):
        place = tmp_path / f"own{len(columns.image)}"
        with pytest.raises(InvalidRequest, match=rf"column `{column}`\) and no images.*img2dataset") as caught:
            opened(urls(place, layout, column), columns)
        assert "\n" not in str(caught.value)


def test_a_dataset_of_img2dataset_is_read_from_its_shards_and_not_from_the_tables_beside_them(tmp_path: Path) -> None:
    place = as_shards(tmp_path / "own", [{**each, "url": "https://example.org"} for each in CAPTIONS], IMAGES)
    pq.write_table(pa.table({"url": ["https://example.org"], "caption_en": ["dog"]}), place / "00000.parquet")
    (place / "00000_stats.json").write_text("{}")
    assert len(opened(place).gallery("seen")) + len(opened(place).gallery("held-out")) == 45


def broken_shard(place: Path) -> None:
    as_shards(place, CAPTIONS, IMAGES)
    content = (place / "00000.tar").read_bytes()
    (place / "00000.tar").write_bytes(content[: len(content) // 2 + 100])


def broken_parquet(place: Path) -> None:
    as_parquet(place, CAPTIONS, IMAGES)
    (place / "train-00000.parquet").write_bytes(b"PAR1 and nothing else")


def broken_line(place: Path) -> None:
    place.mkdir()
    (place / "metadata.jsonl").write_text('{"file_name": "0.png", "caption_en": "dog", "caption_yo": "aja"}\n{"file_')


def line_without_columns(place: Path) -> None:
    place.mkdir()
    (place / "texts.jsonl").write_text('{"caption_en": "dog", "caption_yo": "aja"}\n["dog", "aja"]\n')


def json_without_columns(place: Path) -> None:
    place.mkdir()
    with tarfile.open(place / "0.tar", "w") as archive:
        member = tarfile.TarInfo("0.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"[]"))


def no_images(place: Path) -> None:
    as_shards(place, CAPTIONS, IMAGES)
    with tarfile.open(place / "00001.tar", "w") as archive:
        member = tarfile.TarInfo("lost.json")
        content = json.dumps(CAPTIONS[0]).encode()
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (broken_shard, DamagedFile, r"00000\.tar cannot be read"),
        (broken_parquet, DamagedFile, r"train-00000\.parquet cannot be read"),
        (broken_line, DamagedFile, r"row 2 of metadata\.jsonl cannot be read"),
        (line_without_columns, DamagedFile, r"row 2 of texts\.jsonl cannot be read"),
        (json_without_columns, DamagedFile, r"0\.tar cannot be read"),
        (no_images, DamagedFile, r"1 of 47 rows of `own` have no image, such as 00001\.tar/lost"),
    ],
)
def test_broken_files_are_refused_in_one_line(
    write: object, error: type[HubError], message: str, tmp_path: Path
) -> None:
    assert callable(write)
    write(tmp_path / "own")
    with pytest.raises(error, match=message) as caught:
        opened(tmp_path / "own", COLUMNS)
    assert "\n" not in str(caught.value)


def test_halves_of_surrogate_pairs_in_json_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"caption_en": "a \\ud83d dog"}\n')
    assert [each.text for each in opened(tmp_path / "own.jsonl", ENGLISH).examples("en")] == ["a ? dog"]
