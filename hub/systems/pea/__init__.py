"""PEA-Diffusion."""
