"""Steps of PEFT."""

from __future__ import annotations

from journey.steps import Run, step
from library_journey.tiny import encoder, same
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model


@step("PEFT: `push_to_hub` of a LoRA, `PeftModel.from_pretrained`, `PeftConfig.from_pretrained`")
def push(run: Run) -> None:
    repo, base = f"{run.me}/lora", f"{run.me}/lora-base"
    encoder().push_to_hub(base)
    plain = encoder()
    plain.name_or_path = base
    settings = LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False)
    made = get_peft_model(plain, settings)
    made.push_to_hub(repo)
    assert PeftConfig.from_pretrained(repo).base_model_name_or_path == base
    assert same(PeftModel.from_pretrained(encoder(), repo), made)
    assert run.api.file_exists(repo, "adapter_model.safetensors")
