"""Alembic migrations, run by `hub.registry.database.schema` and never from a command line."""
