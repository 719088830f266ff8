"""Reversible changes to a base's denoiser."""
