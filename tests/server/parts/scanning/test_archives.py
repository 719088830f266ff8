"""An archive gets the verdict of its members; its own bytes count only if it has the name of a pickle, or call something dangerous."""

from __future__ import annotations

import io
import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.parts.scanning import scanner_process
from tests.builders.archives import a_tar, a_zip


def verdicts_of(name: str, content: bytes, folder: Path) -> set[str]:
    path = folder / "file"
    path.write_bytes(content)
    with path.open("rb") as opened:
        return {each["verdict"] for each in scanner_process.scan(opened, name, str(path)).values()}


@pytest.mark.parametrize("first", [*string.ascii_letters, *string.digits, ".", "_", "("])
def test_an_archive_of_texts_is_clean_whatever_its_first_bytes_mean_in_a_pickle(first: str, tmp_path: Path):
    members = {f"{first}orpus/{name}.txt": b"first line\nsecond line\nthird line\n" * 30 for name in "ab"}
    assert verdicts_of("texts.tar", a_tar("w", members), tmp_path) == {"clean"}
    assert verdicts_of("texts.zip", a_zip(**members), tmp_path) == {"clean"}
    assert verdicts_of("outer.zip", a_zip(**{"texts.tar": a_tar("w", members)}), tmp_path) == {"clean"}


def test_a_tar_archive_that_is_a_pickle_as_well_gets_the_verdict_of_the_pickle(tmp_path: Path):
    both = a_tar("w", {"cos\nsystem\n(S'true'\ntR.": b"words"})
    for name in ("both.pkl", "both.tar"):
        assert "malicious" in verdicts_of(name, both, tmp_path)
        assert "malicious" in verdicts_of("outer.zip", a_zip(**{name: both}), tmp_path)
    unknown = a_tar("w", {"cmodule_of_mine\nload\n(S'true'\ntR.": b"words"})
    assert "suspicious" in verdicts_of("both.pkl", unknown, tmp_path)
    assert "suspicious" in verdicts_of("outer.zip", a_zip(**{"both.pkl": unknown}), tmp_path)


class Runs:
    """Unpickling it runs a program."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("content", "verdict"), [([1.0, 2.0], "clean"), ([{1}, {2, 3}], "inconclusive"), ([Runs()], "malicious")]
)
def test_an_array_of_objects_gets_the_same_verdict_inside_and_outside_of_an_archive(
    content: list[Any], verdict: str, tmp_path: Path
):
    raw = io.BytesIO()
    np.save(raw, np.array(content), allow_pickle=True)
    assert verdict in verdicts_of("array.npy", raw.getvalue(), tmp_path)
    assert verdict in verdicts_of("arrays.npz", a_zip(**{"array.npy": raw.getvalue()}), tmp_path)
