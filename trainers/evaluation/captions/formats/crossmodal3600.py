"""`crossmodal-3600`: captions of 3,600 images in 36 languages (Thapliyal et al. 2022).

`captions.jsonl` has one object per image: `image/key`, and for each language `{"caption": [...]}`. The first caption is used, as in
CLIP_benchmark. The image is `KEY.jpg`.
"""

from __future__ import annotations

from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import CaptionSet, one_caption_each
from trainers.evaluation.data_folder import DataFolder, as_text, read_json_lines


class Crossmodal3600(CaptionBenchmark):
    """Crossmodal-3600."""

    name = "crossmodal-3600"
    layout = "captions.jsonl and the images, KEY.jpg"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read all languages. Raises `InvalidRequest` and `DamagedFile`."""
        path = folder.get("captions.jsonl")
        names: dict[str, list[str]] = {}
        texts: dict[str, list[str]] = {}
        for number, row in enumerate(read_json_lines(path), 1):
            for code, found in row.items():
                if isinstance(found, dict) and "caption" in found:
                    texts.setdefault(code, []).append(as_text(found["caption"], path, f"line {number}, `{code}`,"))
                    names.setdefault(code, []).append(f"{row.get('image/key', '')}.jpg")
        by_language = {
            folder.language(code, path): one_caption_each(found, names[code], path) for code, found in texts.items()
        }
        return CaptionSet(self.name, split, by_language, folder)


class Crossmodal3600Mclip(MclipProtocol, Crossmodal3600):
    """Crossmodal-3600 by mCLIP's protocol."""

    name = "crossmodal-3600-mclip"
