"""The Xet formats of large uploads from Hugging Face clients: chunks, xorbs and shards. This package does no I/O.

Source: the Xet protocol specification 1.1 (huggingface/hub-docs, docs/xet), and the requests of hf_xet 1.8.0.
"""
