"""The Xet formats of large uploads from Hugging Face clients: chunks, xorbs and shards. This package does no I/O of its own.

Source: the Xet protocol specification 1.1 (huggingface/hub-docs, docs/xet), and what hf_xet 1.8.0 sends.
"""
