"""The Compose file and its balancer belong together."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.deploy.manifests import BASE, DEPLOY, documents, resources

BALANCER = DEPLOY / "haproxy.cfg"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    [compose] = documents((DEPLOY / "compose.yaml").read_text())
    found: dict[str, Any] = compose["services"]
    return found


def replicas(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"] == "digits"}


def test_balancer_knows_every_replica(services: dict[str, Any]) -> None:
    """The servers of the balancer are the two replicas, and its own port is the one that is published."""
    variables = services["balancer"]["environment"]
    asked = re.findall(r"\$\{(DIGITS_\w+)-", BALANCER.read_text())
    assert set(asked) == set(variables)
    port = variables.pop("DIGITS_PROXY").removeprefix(":")
    assert sorted(variables.values()) == sorted(f"{name}:8000" for name in replicas(services))
    assert len(variables) == 2
    assert services["balancer"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    [mount] = services["balancer"]["volumes"]
    assert (DEPLOY / mount.split(":")[0]).samefile(BALANCER)


def test_replicas_are_as_in_the_cluster(services: dict[str, Any]) -> None:
    """One core, the same memory and settings, nothing to write to and no privileges."""
    deployment = resources(BASE)["Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    for service in replicas(services).values():
        assert service["environment"] == variables
        assert service["cpus"] == float(container["resources"]["limits"]["cpu"])
        assert service["mem_limit"].upper() + "I" == container["resources"]["limits"]["memory"].upper()
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="needs haproxy")
def test_balancer_takes_its_file() -> None:
    """HAProxy itself finds nothing to complain of."""
    result = subprocess.run(
        ["haproxy", "-c", "-f", str(BALANCER)],  # noqa: S607  # where the system has it
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
