"""Steps of transformers."""

from __future__ import annotations

import torch
from journey.steps import Run, step
from library_journey.tiny import encoder, same, tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)


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


@step("transformers: `Trainer.push_to_hub`, with its `training_args.bin` and card")
def train(run: Run) -> None:
    repo, made = f"{run.me}/trained", BertForSequenceClassification(encoder().config)
    settings = TrainingArguments(
        str(run.folder / "trained"), push_to_hub=True, hub_model_id=repo, max_steps=1, save_strategy="steps", save_steps=1,
        use_cpu=True, report_to=[], disable_tqdm=True, per_device_train_batch_size=2,
    )  # fmt: skip
    rows = [{"input_ids": [2, 3], "attention_mask": [1, 1], "labels": 0}] * 4
    trainer = Trainer(made, settings, train_dataset=rows, processing_class=tokenizer())
    trainer.remove_callback(PrinterCallback)  # Its lines would be taken for outcomes.
    trainer.train()
    trainer.push_to_hub()
    assert {"README.md", "model.safetensors", "tokenizer.json", "training_args.bin"} <= run.files(repo)
    assert same(AutoModelForSequenceClassification.from_pretrained(repo), made.eval())
