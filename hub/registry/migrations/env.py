"""Run migrations on the connection that `hub.registry.schema` hands over."""

from alembic import context

import hub.registry.activity
import hub.registry.copies
import hub.registry.hooks
import hub.registry.people
import hub.registry.trust  # noqa: F401
from hub.registry.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
context.run_migrations()
