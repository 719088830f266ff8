"""`flickr30k-200`: one caption of 1,000 Flickr30k images in 200 languages (NLLB-CLIP, Visheratin 2023).

`FLORES_CODE.txt`, such as `yor_Latn.txt`, has one caption per line, and `filenames.txt` the image of each line.
"""

from __future__ import annotations

from trainers.evaluation.captions.caption_benchmark import CaptionBenchmark, MclipProtocol
from trainers.evaluation.captions.caption_set import CaptionSet, one_caption_each
from trainers.evaluation.data_folder import DataFolder, read_lines, same_length


class Flickr30k200(CaptionBenchmark):
    """Flickr30k-200."""

    name = "flickr30k-200"
    layout = "filenames.txt, yor_Latn.txt and the like, and the images"

    def read(self, folder: DataFolder, split: str) -> CaptionSet:
        """Read all languages. Raises `InvalidRequest` and `DamagedFile`."""
        listed = folder.get("filenames.txt")
        names = [line.rpartition("/")[2] for line in read_lines(listed)]
        by_language = {}
        for path in folder.find("???_????.txt"):
            texts = read_lines(path)
            same_length(texts, names, path, listed)
            by_language[folder.language(path.stem, path)] = one_caption_each(texts, names, path)
        return CaptionSet(self.name, split, by_language, folder)


class Flickr30k200Mclip(MclipProtocol, Flickr30k200):
    """Flickr30k-200 by mCLIP's protocol."""

    name = "flickr30k-200-mclip"
