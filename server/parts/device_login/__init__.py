"""Login of devices: OAuth's device flow and refresh tokens."""
