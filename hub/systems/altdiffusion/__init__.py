"""AltDiffusion and AltCLIP."""
