"""Find and open the frozen bases and encoders of a training run."""
