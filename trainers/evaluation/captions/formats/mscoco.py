"""`mscoco`: captions of MS-COCO's test images in English, Japanese (STAIR Captions) and Chinese (COCO-CN).

English and Japanese are about the 5,000 test images of Karpathy's split, in `dataset_coco.json`, which has the English captions too;
the Japanese ones are in `stair_captions_*.json`, in COCO's format. Chinese is about COCO-CN's own 1,000 test images: their names are in
`coco-cn_test.txt`, and the captions in `imageid.human-written-caption.txt`, as `NAME#0`, a tab and the text. Values of different
languages are therefore about different images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.errors import DamagedFile, InvalidRequest
from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import Caption, CaptionSet
from trainers.evaluation.data_folder import DataFolder, as_text, read_json, read_lines

KARPATHY, STAIR = "dataset_coco.json", "stair_captions_*.json"
COCO_CN, COCO_CN_CAPTIONS = "coco-cn_test.txt", "imageid.human-written-caption.txt"


class MsCoco(CaptionBenchmark):
    """MS-COCO in three languages."""

    name = "mscoco"
    layout = f"{KARPATHY} (English), {STAIR} (Japanese), {COCO_CN} and {COCO_CN_CAPTIONS} (Chinese), and the images"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read the languages whose files exist. Raises `InvalidRequest` and `DamagedFile`."""
        by_language: dict[str, list[Caption]] = {}
        if folder.find(KARPATHY):
            by_language["en"] = list(_karpathy(folder.get(KARPATHY)))
        if japanese := [path for path in folder.find(STAIR) if "tokenized" not in path.name]:
            if "en" not in by_language:
                raise InvalidRequest(f"`{self.name}` needs {KARPATHY}, which lists the test images of {STAIR}: add it.")
            images = {caption.image for caption in by_language["en"]}
            by_language["ja"] = [caption for path in japanese for caption in _coco(path) if caption.image in images]
        if folder.find(COCO_CN_CAPTIONS):
            by_language["zh"] = _coco_cn(folder.get(COCO_CN_CAPTIONS), folder.get(COCO_CN))
        return CaptionSet(self.name, split, by_language, folder)


class MsCocoMclip(MclipProtocol, MsCoco):
    """MS-COCO by mCLIP's protocol."""

    name = "mscoco-mclip"


def _karpathy(path: Path) -> Iterator[Caption]:
    """Yield the captions of the images whose split is `test`."""
    for image in _list(read_json(path), "images", path):
        if image.get("split") == "test":
            name = str(image.get("filename", ""))
            for sentence in image.get("sentences") or [{}]:
                yield Caption(as_text(sentence.get("raw"), path, f"the image `{name}`"), name)


def _coco(path: Path) -> Iterator[Caption]:
    """Yield the captions of a file in COCO's annotation format."""
    content = read_json(path)
    names = {image.get("id"): str(image.get("file_name", "")) for image in _list(content, "images", path)}
    for row in _list(content, "annotations", path):
        name = names.get(row.get("image_id"))
        if name is None:
            raise DamagedFile(f"`{path.name}` has a caption of image {row.get('image_id')}, which it does not list.")
        yield Caption(as_text(row.get("caption"), path, f"the image `{name}`"), name)


def _coco_cn(path: Path, listed: Path) -> list[Caption]:
    """Return the captions of COCO-CN's test images, whose names have no ending there."""
    wanted = {name.removesuffix(".jpg") for name in read_lines(listed)}
    captions = []
    for number, line in enumerate(read_lines(path), 1):
        key, _, text = line.partition("\t")
        name = key.rpartition("#")[0].removesuffix(".jpg")
        if name in wanted:
            captions.append(Caption(as_text(text, path, f"line {number}"), f"{name}.jpg"))
    if lacking := sorted(wanted - {caption.image.removesuffix(".jpg") for caption in captions}):
        raise InvalidRequest(
            f"{len(lacking):,} images of {listed.name} have no caption in {path.name}, such as `{lacking[0]}`: complete the file."
        )
    return captions


def _list(content: Any, key: str, path: Path) -> list[dict[str, Any]]:
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DamagedFile(f"`{path.name}` lacks the list `{key}`: download it again.")
    return found
