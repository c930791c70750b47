"""The table of corrections.

A later change gets a module of its own beside this one, which names this one's revision as its `down_revision`;
tests/app/feedback/test_schema.py proves that all of them together lead to what app.feedback.tables says.
"""

import sqlalchemy as sa
from alembic import op

revision = "corrections"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("received", sa.Date, nullable=False, index=True),
        sa.Column("picture", sa.LargeBinary, nullable=False),
        sa.Column("label", sa.String(11), nullable=False),
        sa.Column("probabilities", sa.JSON, nullable=False),
        sa.Column("verdict", sa.String(11)),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("accepted", sa.Boolean, index=True),
    )
