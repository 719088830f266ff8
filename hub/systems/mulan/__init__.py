"""MuLan."""
