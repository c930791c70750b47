"""The manifests are what Kubernetes takes, and agree with the service and its image."""

import json
import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from jsonschema import Draft202012Validator, ValidationError

from app import settings as settings_module
from app.draining import SHUTDOWN_SECONDS
from app.settings import ENVIRONMENT_PREFIX, Settings
from tests.deploy.manifests import BASE, KUSTOMIZE, OVERLAYS, Manifest, built, documents, kustomization, resources

VERSIONS = ("1.31", kubernetes_validate.latest_version())
"""The oldest Kubernetes that knows all that the manifests say, and the newest with a schema here."""

SERVICE_MONITOR = Path(__file__).parent / "service-monitor.schema.json"
"""The schema of the Prometheus operator 0.80 for this kind (Apache License 2.0), without descriptions, and with unknown
fields forbidden."""

PROCESS_BYTES = 165 * 2**20
"""What a process has resident: tests/benchmarks/results."""

LARGEST_PICTURE_BYTES = 400 * 2**20
"""What the largest picture, RGBA of `max_pixels`, takes on top while it is read."""

needs_kustomize = pytest.mark.skipif(KUSTOMIZE is None, reason="needs kustomize or kubectl")


def check(manifest: Manifest) -> None:
    """Validate against the schema of its kind; fields that the schema does not know are mistakes too."""
    if manifest["kind"] == "ServiceMonitor":
        Draft202012Validator(json.loads(SERVICE_MONITOR.read_text())).validate(manifest)
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def container(deployment: Manifest) -> Manifest:
    [found] = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def in_bytes(quantity: str) -> int:
    """A memory quantity of Kubernetes, as far as they are used here."""
    number, unit = quantity[:-2], quantity[-2:]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


@pytest.fixture
def deployment() -> Manifest:
    return resources(BASE)["Deployment"]


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda folder: folder.name)
def test_resources_are_valid(folder: Path) -> None:
    """Every object passes the schema of the oldest and of the newest Kubernetes, with no unknown field."""
    for manifest in resources(folder).values():
        check(manifest)


@pytest.mark.parametrize(
    ("kind", "field"), [("Deployment", "replica"), ("Service", "port"), ("ServiceMonitor", "endpoint")]
)
def test_misspelt_field_is_found(kind: str, field: str) -> None:
    """The validation above would notice a field that does not exist."""
    [manifest] = [
        found for folder in (BASE, *OVERLAYS) for found in resources(folder).values() if found["kind"] == kind
    ]
    check(manifest)
    manifest["spec"][field] = 1
    with pytest.raises((kubernetes_validate.ValidationError, ValidationError)):
        check(manifest)


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda folder: folder.name)
def test_every_file_is_used(folder: Path) -> None:
    """Each file is named by its kustomization, as a resource or as a patch of an object that the base has."""
    listed = kustomization(folder)
    patches = [patch["path"] for patch in listed.get("patches", []) if "path" in patch]
    files = [name for name in listed["resources"] if (folder / name).is_file()]
    assert sorted([*files, *patches, "kustomization.yaml"]) == sorted(path.name for path in folder.iterdir())
    targets = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in resources(BASE).values()}
    for name in patches:
        [patch] = documents((folder / name).read_text())
        assert (patch["kind"], patch["metadata"]["name"]) in targets
    for patch in listed.get("patches", []):
        if "target" in patch:
            assert (patch["target"]["kind"], patch["target"]["name"]) in targets


def test_base_has_what_it_takes() -> None:
    """The workload, its address, its number, what keeps it up while nodes go, and who may talk to it."""
    assert set(resources(BASE)) == {
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    }


def test_selectors_find_the_pods(deployment: Manifest) -> None:
    """What selects pods selects the Deployment's, and the Service's ports lead to the container's."""
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    found = resources(BASE)
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(
            spread["labelSelector"]["matchLabels"]
            for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        ),
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
    [port] = container(deployment)["ports"]
    assert [rule["targetPort"] for rule in found["Service"]["spec"]["ports"]] == [port["name"]]
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    [production] = [folder for folder in OVERLAYS if folder.name == "production"]
    monitor = resources(production)["ServiceMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= found["Service"]["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {rule["name"] for rule in found["Service"]["spec"]["ports"]}


def test_pods_are_restricted(deployment: Manifest) -> None:
    """The pods meet the Pod Security Standard `restricted`, cannot write, and hold no token of the cluster."""
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(deployment)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "volumes" not in pod


def settings_in(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the service would find in its container."""
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
        monkeypatch.delenv(name)
    for variable in container(deployment)["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    cores = float(container(deployment)["resources"]["limits"]["cpu"])
    monkeypatch.setattr(settings_module, "usable_cores", lambda: cores)
    return Settings()


def test_resources_match_the_threads(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole number of cores, one for each process; requests equal limits, so that the pod is Guaranteed."""
    settings = settings_in(deployment, monkeypatch)
    resources_ = container(deployment)["resources"]
    assert settings.workers == float(resources_["limits"]["cpu"]) == 1
    assert settings.pool_threads == 1
    assert resources_["requests"] == resources_["limits"]
    assert set(Settings.model_fields) >= {
        variable["name"].removeprefix(ENVIRONMENT_PREFIX).lower() for variable in container(deployment)["env"]
    }


def test_memory_holds_what_is_accepted(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit covers each process with the largest pictures its threads read and all bodies that it accepts."""
    settings = settings_in(deployment, monkeypatch)
    most = settings.workers * (PROCESS_BYTES + settings.pool_threads * LARGEST_PICTURE_BYTES + settings.max_held_bytes)
    assert most <= in_bytes(container(deployment)["resources"]["limits"]["memory"])


def test_pod_ends_after_its_requests(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grace period is longer than the pause before SIGTERM, the drain and the requests under way together."""
    pause = container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > (
        pause + settings_in(deployment, monkeypatch).drain + SHUTDOWN_SECONDS
    )
    # Long enough for a balancer that asks as often as the probe to have noticed.
    assert pause >= container(deployment)["readinessProbe"]["periodSeconds"]


def test_probes_ask_the_right_questions(deployment: Manifest) -> None:
    """Ready pods get traffic, dead ones are restarted; a start may take as long as the startup probe allows."""
    paths = {
        name: (probe["httpGet"]["path"], probe["httpGet"]["port"])
        for name, probe in container(deployment).items()
        if name.endswith("Probe")
    }
    assert paths == {
        "startupProbe": ("/health/ready", "http"),
        "readinessProbe": ("/health/ready", "http"),
        "livenessProbe": ("/health/live", "http"),
    }
    startup = container(deployment)["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 30


def test_production_scales_on_processor_and_queue(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both metrics are there, and the queue calls for more replicas before it refuses."""
    [folder] = [folder for folder in OVERLAYS if folder.name == "production"]
    [patch] = documents((folder / "autoscaler.yaml").read_text())
    processor, queue = patch["spec"]["metrics"]
    assert processor["resource"]["name"] == "cpu"
    assert queue["pods"]["metric"]["name"] == "digits_queue_depth"
    assert 0 < float(queue["pods"]["target"]["averageValue"]) < settings_in(deployment, monkeypatch).pool_capacity


def allowed(policy: Manifest) -> list[Any]:
    [rule] = policy["spec"]["ingress"]
    assert isinstance(rule["from"], list)
    return rule["from"]


@needs_kustomize
@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_overlays_build(folder: Path) -> None:
    """Each overlay on its base is valid as a whole, and restricts the pods as the base does."""
    objects = built(folder)
    for manifest in objects.values():
        check(manifest)
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    base = resources(BASE)["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == base["securityContext"]
    assert pod["containers"][0]["securityContext"] == base["containers"][0]["securityContext"]
    assert objects["NetworkPolicy"]["spec"]["egress"] == []
    base_rules = allowed(resources(BASE)["NetworkPolicy"])
    assert allowed(objects["NetworkPolicy"])[: len(base_rules)] == base_rules


@needs_kustomize
def test_production_overlay_changes_what_it_means_to() -> None:
    """The patches reach their fields: a namespace, strict zones, both metrics, Prometheus let in."""
    [folder] = [folder for folder in OVERLAYS if folder.name == "production"]
    objects = built(folder)
    assert {manifest["metadata"].get("namespace", "digits") for manifest in objects.values()} == {"digits"}
    zones, hosts = objects["Deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (zones["topologyKey"], zones["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "DoNotSchedule")
    assert (hosts["topologyKey"], hosts["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    scaler = objects["HorizontalPodAutoscaler"]["spec"]
    assert len(scaler["metrics"]) == 2
    assert scaler["behavior"] == resources(BASE)["HorizontalPodAutoscaler"]["spec"]["behavior"]
    assert len(allowed(objects["NetworkPolicy"])) == len(allowed(resources(BASE)["NetworkPolicy"])) + 1


@needs_kustomize
def test_local_overlay_is_small() -> None:
    """Two replicas without an autoscaler, which a cluster on one machine has no metrics for."""
    [folder] = [folder for folder in OVERLAYS if folder.name == "local"]
    objects = built(folder)
    assert "HorizontalPodAutoscaler" not in objects
    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert container(objects["Deployment"])["resources"]["requests"]["cpu"] == "100m"
