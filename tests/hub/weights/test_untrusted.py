"""Nothing in a file is executed; entries other than tensors are dropped or refused."""

from __future__ import annotations

import argparse
import io
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from hub.errors import DamagedFile, InvalidSource, Unreachable
from hub.weights.untrusted import StandIn, read_contents

MODEL = OrderedDict({"encoder.dim_proj.weight": torch.arange(6.0).reshape(2, 3)})


class Runs:
    """Touches a file when it is unpickled by an ordinary unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "stream of pickles"])
def test_a_checkpoint_with_a_namespace_gives_its_tensors_and_drops_the_rest(archive, tmp_path):
    state = {
        "args": argparse.Namespace(lr=[0.01], nested=argparse.Namespace(task="x")),
        "cfg": None,
        "model": MODEL,
        "criterion": {"it_logit_scale": torch.ones(1)},
        "optimizer_history": [{"optimizer_name": "LAMB", "num_updates": 3}],
    }
    torch.save(state, tmp_path / "file", _use_new_zipfile_serialization=archive)

    found = read_contents(tmp_path / "file", what="mclip")

    assert found.container == "fairseq"
    assert list(found.tensors) == ["model.encoder.dim_proj.weight", "criterion.it_logit_scale"]
    assert torch.equal(found.tensors["model.encoder.dim_proj.weight"], MODEL["encoder.dim_proj.weight"])
    assert found.left == ("args", "cfg", "optimizer_history")


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "stream of pickles"])
@pytest.mark.parametrize("where", ["beside the model", "inside the namespace", "in place of the namespace"])
def test_code_in_a_pickle_is_refused_and_does_not_run(where, archive, tmp_path):
    evil = Runs(tmp_path / "ran")
    state = {"model": MODEL, "args": argparse.Namespace(lr=evil if where == "inside the namespace" else 1)}
    if where == "beside the model":
        state["extra"] = evil
    elif where == "in place of the namespace":
        state["args"] = evil
    torch.save(state, tmp_path / "file", _use_new_zipfile_serialization=archive)
    with pytest.raises(InvalidSource, match="could run code: nothing was read"):
        read_contents(tmp_path / "file", what="mclip")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "file", weights_only=False)
    assert (tmp_path / "ran").exists(), "an ordinary unpickler runs it: the file is as bad as it should be"


@pytest.mark.parametrize(
    "call", [b"cos\nsystem\n", b"cbuiltins\neval\n", b"cargparse\nArgumentParser\n", b"cposix\nsystem\n"]
)
def test_functions_by_name_are_refused(call, tmp_path):
    content = b"\x80\x02" + call + b"X\x07\x00\x00\x00echo hi\x85R."
    assert any(op.name == "REDUCE" for op, _, _ in pickletools.genops(content))
    (tmp_path / "file").write_bytes(content)
    with pytest.raises((InvalidSource, DamagedFile)):
        read_contents(tmp_path / "file", what="mclip")


def test_a_stand_in_is_not_the_object_and_keeps_nothing():
    class Pretends(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            assert (module, name) in {("argparse", "Namespace"), ("copyreg", "_reconstructor"), ("builtins", "object")}
            return StandIn if name == "Namespace" else super().find_class(module, name)

    found = Pretends(io.BytesIO(pickle.dumps(argparse.Namespace(secret=1), protocol=2))).load()
    assert type(found) is StandIn
    assert not vars(found)


def test_a_script_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "file"))
    with pytest.raises(InvalidSource, match="TorchScript program"):
        read_contents(tmp_path / "file", what="a script")


def test_a_damaged_byte_in_a_tensor_is_found(tmp_path):
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "file")
    content = bytearray((tmp_path / "file").read_bytes())
    place = content.index(bytes(1000))
    content[place + 500] = 1
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DamagedFile, match="checksum"):
        read_contents(tmp_path / "file", what="a file")


def test_a_missing_file_and_one_of_unknown_format_are_refused(tmp_path):
    with pytest.raises(Unreachable, match="Check the path"):
        read_contents(tmp_path / "none", what="a file")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InvalidSource, match="`text` is not a file of weights"):
        read_contents(tmp_path / "text", what="a file")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DamagedFile):
        read_contents(tmp_path / "empty", what="a file")
