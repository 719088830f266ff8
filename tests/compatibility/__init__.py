"""Every family of bases beside everything that diffusers does with its pipelines; docs/reference/compatibility.md is written from here."""
