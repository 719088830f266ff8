"""Write small folders in the formats of published benchmarks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tests.builders.training.toy import WORDS

CONCEPTS = tuple(WORDS)[:8]
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "purple", "orange")
TRANSLATED = {"en": "a {}", "yo": "ọ̀kan {}", "de": "ein {}", "zh": "一个{}"}


def say(word: str, language: str) -> str:
    return TRANSLATED[language].format(word)


def write_images(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        Image.new("RGB", (40, 32), COLOURS[place % len(COLOURS)]).save(folder / name)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "\n".join(lines).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_lines(path, [json.dumps(row, ensure_ascii=False) for row in rows])


def mg18(folder: Path, languages: Sequence[str] = ("en", "yo", "de"), *, with_images: bool = True) -> Path:
    """AltDiffusion's MG-18: English captions are lists, the others have an English `caption`."""
    for language in languages:
        rows: list[dict[str, Any]] = []
        for word in CONCEPTS:
            row: dict[str, Any] = {"image": f"/elsewhere/images/{word}.jpg", "generated_image": "unused.jpg"}
            if language == "en":
                row["source_caption"] = [say(word, "en"), "another one"]
            else:
                row |= {"target_caption": say(word, language), "caption": say(word, "en")}
            rows.append(row)
        write_lines(folder / "json_files" / f"crossmodal_{language}.json", [json.dumps(rows)])
    if with_images:
        write_images(folder / "images", [f"{word}.jpg" for word in CONCEPTS])
    return folder


def mc18(folder: Path) -> Path:
    for language in ("de", "zh"):
        write_lines(folder / "prompts" / f"prompt_{language}.txt", [say(word, language) for word in CONCEPTS[:3]])
        write_lines(
            folder / "translated_prompts" / f"prompt_{language}.txt", [say(word, "en") for word in CONCEPTS[:3]]
        )
    return folder


def m_geneval(folder: Path) -> Path:
    for name, language in (("english", "en"), ("chinese", "zh")):
        rows = [{"tag": "single_object", "include": [], "prompt": say(word, language)} for word in CONCEPTS[:4]]
        write_rows(folder / f"evaluation_metadata_{name}.jsonl", rows)
    return folder


def coco_crola(folder: Path) -> Path:
    write_lines(folder / "concepts.csv", ["en,de,zh", "eye,auge,眼睛", '"mom, dear",mama,妈妈'])
    sentences = {"en": "a photograph of $$$", "de": "ein Foto von ###", "zh": "$$$照片", "he": "unused $$$"}
    write_lines(folder / "prompts.json", [json.dumps(sentences)])
    return folder


def lingt2i(folder: Path, *, parquet: bool = True) -> Path:
    """LingT2I: content and text rendering, in parquet files or in the older JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = [
        {"data_id": f"IQ-R_{tag}_{place}", "prompt": say(word, tag), "lang": tag, "dimension": ["IQ-R", tag]}
        for tag in ("en", "de") for place, word in enumerate(CONCEPTS[:3])
    ]  # fmt: skip
    texts = {"en": "Open", "de": "Geöffnet"}
    rendering = [
        {"data_id": f"TR_{tag}_0", "prompt": "a sign with <sks1>", "lang": tag, "render_text": texts[tag]}
        for tag in texts
    ]
    older = [
        {
            "data_id": row["data_id"],
            "prompt": row["prompt"],
            "dimension_prompt": [row["render_text"], [[1, 2]]],
            "dimensions": ["TR", row["lang"]],
        }
        for row in rendering
    ]
    folder.mkdir(parents=True, exist_ok=True)
    if parquet:
        pq.write_table(pa.Table.from_pylist(content), folder / "content_generation-00000-of-00001.parquet")
        pq.write_table(pa.Table.from_pylist(rendering), folder / "text_rendering-00000-of-00001.parquet")
    else:
        write_lines(folder / "text-to-image-multilingual.json", [json.dumps(content)])
        write_lines(folder / "trig_multilingual_tr.json", [json.dumps(older)])
    return folder


def multi30k(folder: Path) -> Path:
    names = [f"{word}.jpg" for word in CONCEPTS]
    write_images(folder / "flickr30k-images", names)
    write_lines(folder / "task1/image_splits/test_2016_flickr.txt", names)
    for tag in ("en", "de"):
        write_lines(folder / f"task1/raw/test_2016_flickr.{tag}.gz", [say(word, tag) for word in CONCEPTS])
    return folder


def xtd10(folder: Path) -> Path:
    names = [f"COCO_val2014_{place:012d}.jpg" for place in range(8)]
    write_images(folder / "images", names)
    write_lines(folder / "XTD10/test_image_names.txt", names)
    write_lines(folder / "XTD10/test_1kcaptions_en.txt", [say(word, "en") for word in CONCEPTS])
    write_lines(folder / "STAIR/test_1kcaptions_jp.txt", [f"{word}です" for word in CONCEPTS])
    return folder


def crossmodal3600(folder: Path) -> Path:
    write_images(folder / "images", [f"{word}.jpg" for word in CONCEPTS])
    rows = [
        {"image/key": word, "image/locale": "en"}
        | {tag: {"caption": [say(word, tag), "a second caption"], "caption/tokenized": []} for tag in ("en", "zh")}
        for word in CONCEPTS
    ]
    write_rows(folder / "captions.jsonl", rows)
    return folder


def xflickrco(folder: Path) -> Path:
    write_images(folder / "images", [f"{word}.jpg" for word in CONCEPTS])
    for tag in ("en", "de"):
        rows = [
            {"sentences": [say(word, tag), f"{word} {word}"], "id": word, "img_path": f"{word}.jpg"}
            for word in CONCEPTS
        ]
        write_rows(folder / "annotations" / tag / "test.jsonl", rows)
    return folder


def flickr30k_200(folder: Path) -> Path:
    names = [f"{word}.jpg" for word in CONCEPTS]
    write_images(folder / "images", names)
    write_lines(folder / "filenames.txt", names)
    for code, tag in (("eng_Latn", "en"), ("yor_Latn", "yo"), ("zho_Hans", "zh")):
        write_lines(folder / f"{code}.txt", [say(word, tag) for word in CONCEPTS])
    return folder


def mscoco(folder: Path) -> Path:
    """Karpathy's split of three test images and one for training, STAIR's Japanese, and COCO-CN with other test images."""
    names = [f"COCO_val2014_{place:012d}.jpg" for place in range(6)]
    write_images(folder / "val2014", names)
    karpathy = [
        {
            "filename": name, "filepath": "val2014", "split": "test" if place < 3 else "train",
            "sentences": [{"raw": say(CONCEPTS[place], "en")}, {"raw": f"{CONCEPTS[place]} again"}],
        }
        for place, name in enumerate(names[:4])
    ]  # fmt: skip
    write_lines(folder / "dataset_coco.json", [json.dumps({"images": karpathy, "dataset": "coco"})])
    stair = {
        "images": [{"id": place, "file_name": name} for place, name in enumerate(names[:4])],
        "annotations": [{"id": place, "image_id": place, "caption": f"{CONCEPTS[place]}です"} for place in range(4)],
    }
    write_lines(folder / "stair_captions_v1.2_val.json", [json.dumps(stair)])
    write_lines(folder / "coco-cn_test.txt", [name.removesuffix(".jpg") for name in names[4:]])
    captions = [
        f"{name.removesuffix('.jpg')}#{number}\t{say(CONCEPTS[place], 'zh')}"
        for place, name in enumerate(names)
        for number in range(2)
    ]
    write_lines(folder / "imageid.human-written-caption.txt", captions)
    return folder
