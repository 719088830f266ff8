"""Text encoders in 8 or 4 bits, by libraries that transformers drives: bitsandbytes, else torchao."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit, WrongRequest

WORDS = ("8bit", "4bit")


def quantisation_of(wanted: Any, dtype: torch.dtype | None = None) -> Any:
    """Transformers' configuration for `8bit` or `4bit`; one that is given as such stays as it is, None stays None.

    Sums are computed in `dtype`, bfloat16 unless it is given. Raises WrongRequest for another word, or without a library.
    """
    if wanted is None or not isinstance(wanted, str):
        return wanted
    if wanted not in WORDS:
        raise WrongRequest(f"a text encoder can be read in {' or '.join(WORDS)}, not `{wanted}`.")
    import transformers

    if find_spec("bitsandbytes") is not None:
        if wanted == "8bit":
            return transformers.BitsAndBytesConfig(load_in_8bit=True)
        return transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype or torch.bfloat16
        )
    if find_spec("torchao") is not None and wanted == "8bit":
        from torchao.quantization import Int8WeightOnlyConfig

        return transformers.TorchAoConfig(Int8WeightOnlyConfig())
    raise WrongRequest(
        f"a text encoder in {wanted} needs bitsandbytes{' or torchao' if wanted == '8bit' else ''}, which is not installed: "
        "`pip install bitsandbytes`."
    )


def quantised(
    model: nn.Module, state: dict[str, Tensor], quantisation: Any, device: torch.device | str, *, what: str
) -> nn.Module:
    """`model`'s class with the weights of `state`, made small by transformers as they are taken over. Raises DoesNotFit."""
    made: Any = type(model)
    try:
        read = made.from_pretrained(
            None,
            config=cast(Any, model).config,
            state_dict=state,
            quantization_config=quantisation,
            device_map={"": str(device)},
        )
    except (ImportError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DoesNotFit(f"the text encoder `{what}` cannot be read with this quantisation: {first}") from error
    return cast(nn.Module, read)
