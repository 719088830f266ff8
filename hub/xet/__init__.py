"""The formats in which Hugging Face clients send large files: chunks, xorbs and shards. Bytes in, values out; no I/O.

Source: the Xet protocol specification 1.1 (huggingface/hub-docs, docs/xet), and what hf_xet 1.8.0 sends.
"""
