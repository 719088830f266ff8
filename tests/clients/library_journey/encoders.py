"""Steps of transformers."""

from __future__ import annotations

import torch
from journey.steps import Run, step
from library_journey.tiny import encoder, same, tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer


@step("transformers: `push_to_hub` of a model and a tokenizer, `from_pretrained`")
def push(run: Run) -> None:
    repo, made = f"{run.me}/encoder", encoder()
    made.push_to_hub(repo)
    tokenizer().push_to_hub(repo)
    found = AutoModel.from_pretrained(repo).eval()
    assert same(found, made)
    words = AutoTokenizer.from_pretrained(repo)("aja ile", return_tensors="pt")
    assert words.input_ids.tolist() == [[2, 3]]
    with torch.no_grad():
        assert found(**words).last_hidden_state.shape == (1, 2, 16)
    assert AutoConfig.from_pretrained(repo).hidden_size == 16
    assert run.api.model_info(repo).config["model_type"] == "bert"


@step("transformers: a branch, a private repository, a `subfolder`")
def push_elsewhere(run: Run) -> None:
    repo, made = f"{run.me}/hidden-encoder", encoder()
    made.push_to_hub(repo, private=True, revision="dev", create_pr=False)
    assert run.api.model_info(repo).private
    assert same(AutoModel.from_pretrained(repo, revision="dev"), made)
    made.save_pretrained(run.folder / "inner" / "text_encoder")
    run.api.upload_folder(repo_id=repo, folder_path=run.folder / "inner")
    assert same(AutoModel.from_pretrained(repo, subfolder="text_encoder"), made)
