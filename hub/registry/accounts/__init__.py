"""Users, organisations, tokens, sessions and permissions."""
