"""Run migrations on the connection that `hub.registry.database.schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
