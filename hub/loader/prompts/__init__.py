"""Encode prompts in any language."""
