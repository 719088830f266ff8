"""Run migrations on the connection passed by `hub.registry.database.schema`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
