"""What the libraries do by repository id, with tiny models. Runs in the environment of development, as `journey` does elsewhere."""
