"""Write captioned images in each layout of a corpus, and open them."""

from __future__ import annotations

import csv
import io
import json
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from trainers.corpora import open_corpus
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.columns import Columns

COLUMNS = Columns("", (("en", "caption_en"), ("yo", "caption_yo")), held_out_share=0.25)
CAPTIONS = [
    {"caption_en": "dog", "caption_yo": "ajá"},
    {"caption_en": "cat", "caption_yo": " ológbò\n"},
    {"caption_en": "fish", "caption_yo": ""},
    {"caption_en": "bird", "caption_yo": None},
    {"caption_en": "sun", "caption_yo": "ajá"},
    {"caption_en": "  ", "caption_yo": "òṣùpá"},
    *({"caption_en": f"star {number}", "caption_yo": f"ìràwọ̀ {number}"} for number in range(40)),
]
Rows = list[dict[str, Any]]


def image(number: int, size: tuple[int, int] = (40, 24)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (5 * number, 100, 255 - 5 * number)).save(file, "PNG")
    return file.getvalue()


def as_folder(place: Path, captions: Rows, images: list[bytes]) -> Path:
    place.mkdir()
    for number, content in enumerate(images):
        (place / f"{number}.png").write_bytes(content)
    lines = [{"file_name": f"{number}.png", **each} for number, each in enumerate(captions)]
    (place / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


def as_table(place: Path, captions: Rows, images: list[bytes]) -> Path:
    as_folder(place, captions, images)
    (place / "metadata.jsonl").unlink()
    with (place / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file_name", *captions[0]])
        writer.writeheader()
        writer.writerows({"file_name": f"{number}.png", **each} for number, each in enumerate(captions))
    return place


def as_parquet(place: Path, captions: Rows, images: list[bytes]) -> Path:
    place.mkdir()
    rows = [{"image": {"bytes": p, "path": ""}, **each} for p, each in zip(images, captions, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), place / "train-00000.parquet", row_group_size=7)
    return place


def as_shards(place: Path, captions: Rows, images: list[bytes]) -> Path:
    place.mkdir()
    with tarfile.open(place / "00000.tar", "w") as archive:
        for number, (each, content) in enumerate(zip(captions, images, strict=True)):
            for ending, part in (("json", json.dumps(each).encode()), ("png", content), ("pkl", Bomb.pickled)):
                member = tarfile.TarInfo(f"{number:05}.{ending}")
                member.size = len(part)
                archive.addfile(member, io.BytesIO(part))
    return place


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


Bomb.pickled = pickle.dumps(Bomb())
LAYOUTS = {"folder": as_folder, "csv": as_table, "parquet": as_parquet, "webdataset": as_shards}


def opened(place: Path, columns: Columns = COLUMNS) -> CaptionedCorpus:
    corpus = open_corpus(str(place), columns, 16, place.parent / "caches")
    assert isinstance(corpus, CaptionedCorpus)
    return corpus
