"""Compare the pipelines of the installed diffusers that take prompts with those of the families."""
