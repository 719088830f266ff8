"""Contact sheets: the same prompts and noise for every subject, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from hub.images.contact_sheet import SheetRow, contact_sheet
from hub.languages import language_name
from trainers.corpora.corpus import Corpus
from trainers.lab.report.sheet_title import add_title
from trainers.lab.study.cells import WorkFolder
from trainers.lab.study.report.measured import Measured
from trainers.lab.study.subjects import GROUPS, Subject
from trainers.samples.generate_samples import to_pil

WIDTH_PX = 1400


def write_sheet(
    work: WorkFolder, measured: Measured, subjects: Sequence[Subject], language: str, corpus: Corpus, path: Path
) -> bool:
    """Write the sheet of a language, and return whether any subject has images in it."""
    rows: list[SheetRow] = []
    heads: list[str] = []
    for subject in subjects:
        for result in measured.find("sheet", subject.name, language):
            if not rows:
                concepts = result.found["concepts"]
                heads = [
                    f"{text}\n{meaning}"
                    for text, meaning in zip(result.found["texts"], result.found["meanings"], strict=True)
                ]
                rows.append(SheetRow("real emoji", to_pil(corpus.images(concepts).float() / 255)))
            strip = Image.open(work.path(result.cell).with_suffix(".png"))
            side = result.found["side"]
            images = [strip.crop((place * side, 0, (place + 1) * side, side)) for place in range(strip.width // side)]
            read = (
                result.found["read"]
                if (subject.reads and subject.cards) or (subject.training and subject.reads)
                else ()
            )
            rows.append(SheetRow(f"{subject.label}\n{GROUPS[subject.group]}", images, read))
    if not rows:
        return False
    sheet = contact_sheet(rows, [head.replace("\n", " · ") for head in heads])
    note = "seed 0, 20 steps, guidance 2.5; below an image: what the base's own encoder read"
    framed = add_title(sheet, f"{language_name(language)} prompts on emoji-sd", note)
    height = round(framed.height * WIDTH_PX / framed.width)
    framed.resize((WIDTH_PX, height), Image.Resampling.LANCZOS).save(path, quality=70, method=6)
    return True
