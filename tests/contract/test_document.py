"""The committed OpenAPI document is the service's own."""

from tests.contract.document import COMMITTED, current, text_of


def test_committed_document_is_current() -> None:
    """Whoever changes the interface commits its document too: `make openapi` writes it."""
    assert COMMITTED.read_text() == text_of(current()), "run: make openapi"
