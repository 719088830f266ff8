"""Published systems, one folder each: the architecture of its modules and its file format.

A language module is an `nn.Module` that maps an encoder's token states and mask to `Embeddings`:

    encoder = TextEncoder.from_folder(folder, readout="last_hidden_state")
    tokens_BLE, mask_BL = encoder.encode(["aja"], length=24)
    tokens_BQC = module(tokens_BLE, mask_BL).tokens_BLC
"""
