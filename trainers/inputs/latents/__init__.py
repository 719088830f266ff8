"""Latents of images: which crops of them, in which bucket, and their caches."""
