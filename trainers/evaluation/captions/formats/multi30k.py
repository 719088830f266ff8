"""`multi30k`: one caption per image of Flickr30k or MS-COCO in English, German, French and Czech (task 1 of Multi30K).

`SPLIT.LANG`, or `SPLIT.LANG.gz`, has one caption per line, and `SPLIT.txt` in `image_splits` the image of each line.
"""

from __future__ import annotations

from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import CaptionSet, one_caption_each
from trainers.evaluation.data_folder import DataFolder, read_lines, same_length


class Multi30K(CaptionBenchmark):
    """Multi30K, task 1."""

    name = "multi30k"
    splits = ("test_2016_flickr", "test_2017_flickr", "test_2018_flickr", "test_2017_mscoco")
    layout = "raw/SPLIT.LANGUAGE.gz, image_splits/SPLIT.txt and the images"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read all languages of a split. Raises `InvalidRequest` and `DamagedFile`."""
        listed = folder.get(f"image_splits/{split}.txt")
        names = [line.partition("#")[0] for line in read_lines(listed)]
        by_language = {}
        for path in folder.find(f"raw/{split}.*"):
            texts = read_lines(path)
            same_length(texts, names, path, listed)
            code = path.name.removeprefix(f"{split}.").removesuffix(".gz")
            by_language[folder.language(code, path)] = one_caption_each(texts, names, path)
        return CaptionSet(self.name, split, by_language, folder)


class Multi30KMclip(MclipProtocol, Multi30K):
    """Multi30K by mCLIP's protocol."""

    name = "multi30k-mclip"
