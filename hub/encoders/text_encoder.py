"""Load and run a frozen text encoder of transformers, with its tokenizer and the readout that a module was trained on.

Shape letters: B batch, L tokens, E encoder width.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from hub.encoders.readouts import ALL_STATES, get_readout
from hub.encoders.text_half import half_of, read_half
from hub.encoders.tokenizer import Tokenize, read_tokenizer
from hub.errors import DamagedFile, MissingExtra, UnknownFile, WeightsDoNotFit
from hub.weights.quantisation import check_quantisation, quantise
from hub.weights.strict import disagreements_of, load_weights, read_header

WEIGHTS = "model.safetensors"
_MAPPED = ("altclip_text_model",)
"""Model types whose output has `project_dim` channels instead of `hidden_size`."""


class States(NamedTuple):
    """An encoder's output for a batch of texts."""

    tokens_BLE: Tensor
    mask_BL: Tensor
    """True where a token counts."""
    pooled_BD: Tensor | None = None
    """One vector per text, for encoders with a text projection."""


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """Texts to token states, frozen. Several readouts may share one model."""

    model: nn.Module
    tokenize: Tokenize
    readout: str = "last_hidden_state"
    folder: Path | None = None
    """The folder it was loaded from."""
    sees_padding: bool = False
    """Whether it attends to padding, for modules that were trained on states computed without a mask."""
    prefix: str = ""
    """Prepended to every text, for encoders that were trained with it (`query: ` of E5)."""

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        readout: str = "last_hidden_state",
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        what: str = "",
        tokenize: Tokenize | None = None,
        quantisation: Any = None,
    ) -> TextEncoder:
        """Load a transformers folder, with weights as stored unless `dtype` is given. `what` names it in messages.

        Only the text half of a big repository is read (`hub.encoders.text_half`). `quantisation` is `8bit`, `4bit` or one of
        transformers' configurations. `tokenize` is the folder's tokenizer if it has been loaded already.

        Raises DoesNotFit, UnknownFile, DamagedFile, InvalidSource, WeightsDoNotFit, InvalidRequest and MissingExtra.
        """
        what = what or folder.name
        get_readout(readout)
        if isinstance(quantisation, str):
            check_quantisation(quantisation)  # Before gigabytes are read.
            mapped = _read_model(folder, torch.device("cpu"), None, what)
            model = _freeze(quantise(mapped, quantisation, device=device, dtype=dtype))
        else:
            model = _read_model(folder, torch.device(device), dtype, what, quantisation)
        return cls(model, tokenize or read_tokenizer(folder, what=what), readout, folder)

    def __deepcopy__(self, memo: dict[int, Any]) -> TextEncoder:
        """Copy the model; the tokenizer, which does not change and has a lock, is shared."""
        return replace(self, model=deepcopy(self.model, memo))

    @property
    def width(self) -> int:
        """Return E for this readout: AltCLIP's output is already projected, the states of its layers are not."""
        config = cast(Any, self.model).config
        is_mapped = config.model_type in _MAPPED and not get_readout(self.readout).needs_all_layers
        states = config.num_hidden_layers + 1 if self.readout == ALL_STATES else 1
        return int(config.project_dim if is_mapped else config.hidden_size) * states

    @property
    def pooled_width(self) -> int | None:
        """Return D of the encoder's own pooled vector, or None without a text projection."""
        projection = getattr(self.model, "text_projection", None)
        return projection.shape[-1] if isinstance(projection, Tensor) else None

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return next(self.model.parameters()).device

    def with_readout(self, readout: str, *, sees_padding: bool = False, prefix: str = "") -> TextEncoder:
        """Return the same model with another readout. Raises DoesNotFit for an unknown one."""
        get_readout(readout)
        return replace(self, readout=readout, sees_padding=sees_padding, prefix=prefix)

    def encode(
        self, texts: Sequence[str], length: int, *, prefix: str = "", suffix: str = "", drop: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return token states (B, L, E) and mask (B, L), true where a token counts: the first two of `states`."""
        tokens_BLE, mask_BL, _ = self.states(texts, length, prefix=prefix, suffix=suffix, drop=drop)
        return tokens_BLE, mask_BL

    @torch.no_grad()
    def states(
        self, texts: Sequence[str], length: int, *, prefix: str = "", suffix: str = "", drop: Sequence[int] = ()
    ) -> States:
        """Return token states (B, L, E), mask (B, L) and, if there is one, the pooled vector (B, D), on the model's device.

        `prefix` is prepended to every text, after the encoder's own, and `suffix` appended; each is padded and truncated to `length`
        tokens, and the positions in `drop` are removed from the output, so L = length - len(drop). (MuLan prepends `summarize:` and drops
        positions 1 to 3.) The pooled vector is that of the complete text, prefix included.
        """
        ids_BL, mask_BL = self.tokenize([self.prefix + prefix + text + suffix for text in texts], length)
        ids_BL, mask_BL = ids_BL.to(self.device), mask_BL.to(self.device)
        read = get_readout(self.readout)
        if read.ignores_padding and not self.sees_padding:
            longest = int(mask_BL.any(dim=0).nonzero().max()) + 1 if bool(mask_BL.any()) else 1
            ids_BL, mask_BL = ids_BL[:, :longest], mask_BL[:, :longest]
        attended_BL = torch.ones_like(mask_BL) if self.sees_padding else mask_BL
        answer = self.model(input_ids=ids_BL, attention_mask=attended_BL, output_hidden_states=read.needs_all_layers)
        tokens_BLE, mask_BL = read(answer, mask_BL)
        if drop:
            kept = torch.tensor(
                [place for place in range(tokens_BLE.shape[1]) if place not in set(drop)], device=self.device
            )
            tokens_BLE, mask_BL = tokens_BLE[:, kept], mask_BL[:, kept]
        return States(tokens_BLE, mask_BL.bool(), None if self.pooled_width is None else answer.pooler_output)


def _read_model(
    folder: Path, device: torch.device, dtype: torch.dtype | None, what: str, quantisation: Any = None
) -> nn.Module:
    """Load the encoder named in `config.json` with exactly the weights of the folder."""
    try:
        import transformers
        from transformers.initialization import no_init_weights
    except ImportError as error:
        raise MissingExtra("load", "reading a text encoder") from error
    try:
        written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        half = half_of(written)
        if half is not None:
            return _freeze(
                read_half(folder, half, written, what=what, device=device, dtype=dtype, quantisation=quantisation)
            )
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except FileNotFoundError as error:
        raise UnknownFile("config.json", listing=f"hub show {what}") from error
    except (OSError, ValueError) as error:
        raise DamagedFile(
            f"`{what}` is not a text encoder: its config.json cannot be read. Fetch it again with `hub pull {what}`."
        ) from error
    architecture = (written.get("architectures") or [""])[0]
    # AutoModel leaves out the head of another task (`XLMRobertaForMaskedLM`).
    headless = None if "For" in architecture else getattr(transformers, architecture, None)
    header = read_header(folder / WEIGHTS, what=what) if (folder / WEIGHTS).is_file() else {}
    if headless is not None and header and quantisation is None:
        pooled = any(key.startswith("pooler.") for key in header)
        with no_init_weights():  # ten times faster than a random start, and buffers keep their values
            model = _make(headless, config, pooled)
        if not disagreements_of(model.state_dict(), header):
            load_weights(model, folder / WEIGHTS, what=what, device=device, dtype=dtype)
            return _freeze(model.to(device))
    model = _load_with_transformers(headless or transformers.AutoModel, folder, dtype, what, quantisation, device)
    return _freeze(model if quantisation is not None else model.to(device))


def _make(model_class: Any, config: Any, pooled: bool) -> nn.Module:
    """Build the model, with its optional pooling layer only if there are weights for it."""
    try:
        return cast(nn.Module, model_class(config, add_pooling_layer=pooled))
    except TypeError:
        return cast(nn.Module, model_class(config))


def _load_with_transformers(
    model_class: Any, folder: Path, dtype: torch.dtype | None, what: str, quantisation: Any, device: torch.device
) -> nn.Module:
    """Load sharded weights and older key names, which transformers joins and renames. Raises DamagedFile, WeightsDoNotFit."""
    try:
        model, report = model_class.from_pretrained(
            folder,
            dtype=dtype or "auto",
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported, and refused below with all problems
            **({} if quantisation is None else {"quantization_config": quantisation, "device_map": {"": str(device)}}),
        )
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DamagedFile(
            f"the text encoder `{what}` cannot be loaded: {first.rstrip('.')}. Fetch it again with `hub pull {what}`."
        ) from error
    problems = [f"`{key}` is missing" for key in sorted(report["missing_keys"]) if not key.startswith("pooler.")]
    problems += [f"`{key[0]}` is {key[1]} and should be {key[2]}" for key in report["mismatched_keys"]]
    if problems:
        raise WeightsDoNotFit(what, problems)
    return cast(nn.Module, model)


def _freeze(model: nn.Module) -> nn.Module:
    return model.eval().requires_grad_(False)
