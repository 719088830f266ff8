"""Alembic migrations, run by `hub.registry.schema` and never from a command line."""
