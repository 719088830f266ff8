"""`xflickrco`: captions of 2,000 images of Flickr30k and MS-COCO in eight languages (IGLUE, Bugliarello et al. 2022).

`annotations/LANG/test.jsonl` has one object per image, with `sentences` and `img_path`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from hub.errors import InvalidRequest
from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import Caption, CaptionSet
from trainers.evaluation.data_folder import DataFolder, as_text, duplicate_in, read_json_lines


class XFlickrCO(CaptionBenchmark):
    """IGLUE's xFlickr&CO."""

    name = "xflickrco"
    layout = "annotations/LANGUAGE/test.jsonl and the images"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read all languages. Raises `InvalidRequest` and `DamagedFile`."""
        by_language = {}
        for path in folder.find("annotations/*/test.jsonl"):
            captions, names = [], []
            for number, row in enumerate(read_json_lines(path), 1):
                names.append(PurePosixPath(str(row.get("img_path", ""))).name)
                sentences = row.get("sentences")
                captions += [
                    Caption(as_text(sentence, path, f"line {number}"), names[-1])
                    for sentence in (sentences if isinstance(sentences, list) and sentences else [""])
                ]
            if twice := duplicate_in(names):
                raise InvalidRequest(
                    f"the image `{twice}` is listed twice in {path.parent.name}/{path.name}: remove one."
                )
            by_language[folder.language(path.parent.name, path)] = captions
        return CaptionSet(self.name, split, by_language, folder)


class XFlickrCOMclip(MclipProtocol, XFlickrCO):
    """XFlickr&CO by mCLIP's protocol."""

    name = "xflickrco-mclip"
