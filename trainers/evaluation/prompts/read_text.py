"""Read the text in images with Tesseract, and compare it with the requested text.

Tesseract is a program, not a dependency: https://tesseract-ocr.github.io.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import unicodedata
from collections.abc import Callable

from PIL import Image
from torch import Tensor

from hub.errors import HubError, InvalidRequest
from hub.languages import language_name

PROGRAM = "tesseract"
SPARSE = "11"
"""Page segmentation mode: text anywhere in an image, which is not a page."""
TRAINED = {"zh": "chi_sim", "zh-Hant": "chi_tra", "sr-Latn": "srp_latn", "az-Cyrl": "aze_cyrl", "uz-Cyrl": "uzb_cyrl"}
"""Names of Tesseract's files that are not the ISO 639-3 code of the language."""


def text_reader(language: str) -> Callable[[Tensor], str]:
    """Return a function that reads the text in a uint8 image (3, H, W).

    Raises `InvalidRequest` if Tesseract, or its file for the language, is not installed.
    """
    trained = trained_file(language)
    if shutil.which(PROGRAM) is None:
        raise InvalidRequest(
            "text accuracy needs the program tesseract, which is not installed: install it with its language files (Debian: "
            f"`apt install tesseract-ocr tesseract-ocr-{trained.replace('_', '-')}`), or choose other metrics with --metric."
        )
    if trained not in _run(["--list-langs"], b"").split():
        raise InvalidRequest(
            f"tesseract has no file for {language_name(language)} ({trained}): install it (Debian: `apt install tesseract-ocr-"
            f"{trained.replace('_', '-')}`), or choose other metrics with --metric."
        )

    def read(image_3HW: Tensor) -> str:
        written = io.BytesIO()
        Image.fromarray(image_3HW.permute(1, 2, 0).numpy()).save(written, "PNG")
        return _run(["stdin", "stdout", "-l", trained, "--psm", SPARSE], written.getvalue())

    return read


def trained_file(language: str) -> str:
    """Return the name of Tesseract's file for a BCP-47 tag: `deu` for `de`."""
    from langcodes import Language

    return TRAINED.get(language) or Language.get(language).to_alpha3()


def plain_text(text: str) -> str:
    """Return a text for comparison: NFKC, without case, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def similarity(found: str, wanted: str) -> float:
    """Return 1 − Levenshtein distance ÷ length of the longer text, after `plain_text`; 1 for equal texts."""
    found, wanted = plain_text(found), plain_text(wanted)
    if not found or not wanted:
        return float(found == wanted)
    row = list(range(len(wanted) + 1))
    for first, letter in enumerate(found, 1):
        before, row[0] = row[0], first
        for second, other in enumerate(wanted, 1):
            before, row[second] = row[second], min(row[second] + 1, row[second - 1] + 1, before + (letter != other))
    return 1 - row[-1] / max(len(found), len(wanted))


def _run(arguments: list[str], given: bytes) -> str:
    done = subprocess.run([PROGRAM, *arguments], input=given, capture_output=True, timeout=120, check=False)
    if done.returncode:
        problem = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise HubError(f"tesseract failed: {problem[0]}")
    return done.stdout.decode(errors="replace")
