"""Run by Alembic for each upgrade, on the connection that app.feedback.schema hands over."""

from alembic import context

from app.feedback.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
