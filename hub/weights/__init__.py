"""Weights files: headers, digests, strict loading, quantisation, memory."""
