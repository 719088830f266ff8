"""Reports about artifacts, and what administrators hide or block."""
