"""The probes."""

import pytest

from tests.app.service import Client


@pytest.mark.parametrize("probe", ["live", "ready"])
def test_probes(client: Client, probe: str) -> None:
    """A running service is alive and ready."""
    response = client.get(f"/health/{probe}")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
