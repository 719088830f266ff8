"""`xtd10`: one caption of 1,000 MS-COCO images in eleven languages (Aggarwal and Kale 2020).

`test_1kcaptions_LANG.txt` has one caption per line, and `test_image_names.txt` the image of each line.
"""

from __future__ import annotations

from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import CaptionSet, one_caption_each
from trainers.evaluation.data_folder import DataFolder, read_lines, same_length

PREFIX = "test_1kcaptions_"


class Xtd10(CaptionBenchmark):
    """XTD-10."""

    name = "xtd10"
    layout = f"test_image_names.txt, {PREFIX}LANGUAGE.txt and the images"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read all languages. Raises `InvalidRequest` and `DamagedFile`."""
        listed = folder.get("test_image_names.txt")
        names = read_lines(listed)
        by_language = {}
        for path in folder.find(f"{PREFIX}*.txt"):
            texts = read_lines(path)
            same_length(texts, names, path, listed)
            by_language[folder.language(path.stem.removeprefix(PREFIX), path)] = one_caption_each(texts, names, path)
        return CaptionSet(self.name, split, by_language, folder)


class Xtd10Mclip(MclipProtocol, Xtd10):
    """XTD-10 by mCLIP's protocol."""

    name = "xtd10-mclip"
