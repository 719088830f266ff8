"""Device login: OAuth's device flow and refresh tokens."""
