"""Test every family of bases with every feature of diffusers pipelines, and write docs/reference/compatibility.md."""
