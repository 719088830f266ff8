"""Alembic migrations, run only by `hub.registry.database.schema`."""
