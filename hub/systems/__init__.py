"""What an artifact contains: one file per architecture, safetensors that fit exactly, frozen text encoders.

A language module is an `nn.Module` whose call takes an encoder's token states and mask and gives `Embeddings`:

    encoder = TextEncoder.from_folder(folder, readout="last_hidden_state")
    tokens_BLE, mask_BL = encoder.encode(["aja"], length=24)
    tokens_BQC = module(tokens_BLE, mask_BL).tokens_BLC
"""

from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.encoder import States, TextEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.systems.architectures import ARCHITECTURES, build
from hub.systems.shared.language_module import Embeddings
from hub.weights.strict import load_weights, save_weights, stored_dtype

__all__ = [
    "ARCHITECTURES",
    "DualEncoder",
    "Embeddings",
    "JoinedEncoder",
    "States",
    "TextEncoder",
    "build",
    "load_weights",
    "save_weights",
    "stored_dtype",
]
