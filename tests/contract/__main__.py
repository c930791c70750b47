"""Writes the OpenAPI document: `make openapi`."""

from tests.contract.document import COMMITTED, current, text_of

if __name__ == "__main__":
    COMMITTED.write_text(text_of(current()))
