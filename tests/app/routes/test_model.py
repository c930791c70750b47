"""GET /model."""

from app.loading import Model
from app.schemas import ModelReport
from tests.app.service import Client


def test_model_is_described(client: Client, tiny_model: Model) -> None:
    """The answer is the served model's metadata; figures nobody measured are null."""
    response = client.get("/model")
    assert response.status_code == 200
    report = ModelReport.model_validate_json(response.content)
    assert report.metadata == tiny_model.metadata
    assert response.json()["evaluation"] is None


def test_reference_is_served(client: Client) -> None:
    """The interactive reference and the document behind it are there."""
    assert client.get("/docs").status_code == 200
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/predict",
        "/read",
        "/predict/batch",
        "/feedback",
        "/model",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{name}",
        "/v2/models/{name}/ready",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}",
        "/v2/models/{name}/versions/{version}/ready",
        "/v2/models/{name}/versions/{version}/infer",
        "/v1/models/{name}",
        "/v1/models/{name}/versions/{version}",
        "/v1/models/{name}:predict",
        "/v1/models/{name}/versions/{version}:predict",
    }
