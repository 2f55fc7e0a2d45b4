"""Run by alembic: work on the connection that `Store.upgrade` opened, inside its transaction."""

from alembic import context

from outputs.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
