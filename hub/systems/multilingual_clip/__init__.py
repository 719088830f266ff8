"""Multilingual-CLIP (M-CLIP)."""
