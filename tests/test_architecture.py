"""Who may import whom, read from the source and proven by a process that serves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import PROJECT_FOLDER

OPEN_TO_TRAINING = {
    "app.artifact",
    "app.classifier",
    "app.compilation",
    "app.containers",
    "app.contract",
    "app.decoding",
    "app.drift",
    "app.errors",
    "app.feedback.corrections",
    "app.feedback.store",
    "app.ink",
    "app.items",
    "app.judgement",
    "app.loading",
    "app.normalization",
    "app.page",
    "app.reading",
    "app.rows",
    "app.strip",
}
"""The modules of the service that the training program may use: the input path and the artifact, no web."""

FREE_OF_THE_WEB = OPEN_TO_TRAINING | {
    "app.about",
    "app.admission",
    "app.allocator",
    "app.answers",
    "app.protocol_schemas",
    "app.assets",
    "app.background",
    "app.bands",
    "app.bulk.commands",
    "app.bulk.contents",
    "app.bulk.engine",
    "app.bulk.files",
    "app.bulk.jobs",
    "app.bulk.listing",
    "app.bulk.output",
    "app.bulk.plan",
    "app.bulk.rows",
    "app.bulk.work",
    "app.charts",
    "app.contrast",
    "app.correlation",
    "app.curved_shadows",
    "app.cutting",
    "app.discs",
    "app.draining",
    "app.enlargement",
    "app.explanation",
    "app.feedback.address",
    "app.feedback.commands",
    "app.feedback.intake",
    "app.feedback.migrations.env",
    "app.feedback.migrations.versions.corrections",
    "app.feedback.schema",
    "app.feedback.tables",
    "app.forms",
    "app.frames",
    "app.gate",
    "app.grain",
    "app.ground",
    "app.heads",
    "app.inputs",
    "app.interpreter",
    "app.keys",
    "app.lattice",
    "app.layout",
    "app.logs",
    "app.metrics",
    "app.metrics_folder",
    "app.pages",
    "app.pens",
    "app.pieces",
    "app.quota",
    "app.rate",
    "app.reference",
    "app.requests",
    "app.row_reader",
    "app.screens",
    "app.segments",
    "app.sheet",
    "app.skew",
    "app.settings",
    "app.schemas",
    "app.shadow",
    "app.straight_lines",
    "app.straight_shadows",
    "app.stretching",
    "app.thin_lines",
    "app.tracing",
    "app.versions",
    # The command line and the client:
    "app.batch",
    "app.cli",
    "app.client",
    "app.console",
    "app.local",
    "app.results",
    "app.resuming",
    "app.colours",
    "app.paper",
    "app.rules",
    "app.walk",
    "app.values",
}
"""Modules that know nothing of serving HTTP."""

WEB_PACKAGES = {"fastapi", "starlette", "uvicorn", "python_multipart", "httptools"}

LAYERS = [
    {
        "app.assets",
        "app.background",
        "app.charts",
        "app.contract",
        "app.correlation",
        "app.discs",
        "app.documentation",
        "app.errors",
        "app.feedback.address",
        "app.feedback.migrations.versions.corrections",
        "app.feedback.tables",
        "app.flow",
        "app.headers",
        "app.heads",
        "app.keys",
        "app.listening",
        "app.methods",
        "app.metrics_folder",
        "app.protocol_schemas",
        "app.quota",
        "app.rate",
        "app.ray_retry",
        "app.reference",
        "app.walk",
    },
    {"app.bulk.files", "app.ground"},
    {"app.bulk.listing", "app.bulk.output"},
    {
        "app.allocator",
        "app.bands",
        "app.colours",
        "app.containers",
        "app.curved_shadows",
        "app.enlargement",
        "app.grain",
        "app.items",
        "app.screens",
        "app.sheet",
        "app.skew",
        "app.straight_lines",
        "app.straight_shadows",
        "app.stretching",
        "app.values",
        "app.requests",
        "app.logs",
        "app.metrics",
        "app.paper",
        "app.pens",
    },
    {
        "app.contrast",
        "app.frames",
        "app.gate",
        "app.interpreter",
        "app.segments",
        "app.thin_lines",
        "app.feedback.migrations.env",
        "app.feedback.schema",
    },
    {"app.decoding", "app.forms", "app.rules", "app.artifact", "app.classifier", "app.settings", "app.draining"},
    {"app.ink"},
    {"app.about", "app.normalization", "app.judgement", "app.explanation", "app.row_reader"},
    {"app.pieces", "app.drift", "app.feedback.corrections"},
    {"app.cutting", "app.layout"},
    {"app.lattice", "app.page", "app.strip"},
    {"app.rows"},
    {"app.feedback.store"},
    {"app.compilation", "app.reading", "app.admission", "app.uploads", "app.schemas", "app.pages", "app.versions"},
    {"app.loading", "app.problems", "app.answers", "app.client", "app.results", "app.tracing"},
    {"app.shadow", "app.inputs", "app.watch", "app.feedback.intake"},
    {"app.routes.state", "app.protocol", "app.local", "app.batch", "app.console", "app.resuming"},
    {"app.routes.answering", "app.succession"},
    {"app.routes.tensors"},
    {
        "app.routes.feedback",
        "app.routes.health",
        "app.routes.metrics",
        "app.routes.model",
        "app.routes.page",
        "app.routes.predict",
        "app.routes.read",
        "app.routes.batch",
        "app.routes.open_inference",
        "app.routes.tensorflow_serving",
    },
    {"app.doors", "app.feedback.commands"},
    {"app.bulk.contents", "app.bulk.plan"},
    {"app.bulk.rows"},
    {"app.bulk.work"},
    {"app.bulk.engine", "app.bulk.jobs"},
    {"app.bulk.commands"},
    {"app.application"},
    {"app.main", "app.cli"},
    {"app.ray_serve"},
]
"""From the bottom: a module imports only from layers below its own."""

PACKAGES = {
    "app",
    "app.bulk",
    "app.feedback",
    "app.feedback.migrations",
    "app.feedback.migrations.versions",
    "app.routes",
}
"""They hold no code."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT_FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str) -> dict[str, Path]:
    return {name_of(path): path for path in sorted((PROJECT_FOLDER / package).rglob("*.py"))}


def imports_in(tree: ast.AST) -> set[str]:
    """The modules that a piece of source imports, by their full names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            assert node.module is not None
            # `from app.routes import health` imports a module, `from app.errors import NoInkError` a name of one.
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (submodules & ALL_MODULES) or {node.module}
    return found


def imports_of(name: str) -> set[str]:
    return imports_in(ast.parse(ALL_PATHS[name].read_text()))


def ours(name: str) -> set[str]:
    """The project's own modules that a module imports."""
    return imports_of(name) & ALL_MODULES


ALL_PATHS = modules("app") | modules("model_training")
ALL_MODULES = set(ALL_PATHS)
SERVICE = sorted(modules("app"))
TRAINING = sorted(modules("model_training"))


def test_every_module_has_its_layer() -> None:
    """No module of the service escapes the rules below."""
    assert set().union(*LAYERS) | PACKAGES == set(SERVICE)


@pytest.mark.parametrize("name", SERVICE)
def test_service_does_not_know_the_training(name: str) -> None:
    """The service never imports the training program."""
    assert not [other for other in imports_of(name) if other.split(".")[0] == "model_training"]


@pytest.mark.parametrize("name", TRAINING)
def test_training_uses_the_input_path_only(name: str) -> None:
    """The training program imports from the service what prepares, publishes and proves, and nothing of the web."""
    assert {other for other in ours(name) if other.split(".")[0] == "app"} <= OPEN_TO_TRAINING


@pytest.mark.parametrize("name", SERVICE)
def test_imports_point_downwards(name: str) -> None:
    """A module imports only from layers below its own, so that there are no cycles."""
    depth = next((depth for depth, layer in enumerate(LAYERS) if name in layer), None)
    if depth is None:
        assert ours(name) == set()
        return
    below = set().union(*LAYERS[:depth]) | {"app"}
    assert ours(name) <= below


@pytest.mark.parametrize("name", sorted(FREE_OF_THE_WEB))
def test_reading_knows_nothing_of_the_web(name: str) -> None:
    """What reads, judges and loads could run without a web server."""
    packages = {other.split(".")[0] for other in imports_of(name)}
    assert not packages & WEB_PACKAGES
    assert not [other for other in imports_of(name) if other.startswith("app.routes")]


def test_uploads_know_the_request_only() -> None:
    """Uploads read Starlette's request and know neither FastAPI nor the routes."""
    web = {other for other in imports_of("app.uploads") if other.split(".")[0] in WEB_PACKAGES}
    assert web <= {
        "starlette.requests",
        "python_multipart",
        "python_multipart.multipart",
        "python_multipart.exceptions",
    }
    assert not [other for other in imports_of("app.uploads") if other.startswith("app.routes")]


def test_only_the_entry_point_imports_the_application() -> None:
    """Nobody but the entry point builds the application."""
    assert [name for name in SERVICE if "app.application" in imports_of(name)] == ["app.main"]


def test_only_the_client_asks_other_services() -> None:
    """What asking a service takes is named by one module, which only the command line imports, and only when needed."""
    asking = {"httpx", "tenacity"}
    assert [name for name in SERVICE if {other.split(".")[0] for other in imports_of(name)} & asking] == ["app.client"]
    assert [name for name in SERVICE if "app.client" in imports_of(name)] == ["app.cli"]
    at_import = [
        node
        for node in ast.parse(ALL_PATHS["app.cli"].read_text()).body
        if not isinstance(node, ast.FunctionDef)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    assert "app.client" not in imports_in(ast.Module(at_import, []))


def test_only_the_store_knows_databases() -> None:
    """What a database takes is named by the store and its tables alone, which are imported only when needed."""
    database = {"sqlalchemy", "alembic", "psycopg"}
    assert [name for name in SERVICE if {other.split(".")[0] for other in imports_of(name)} & database] == [
        "app.feedback.migrations.env",
        "app.feedback.migrations.versions.corrections",
        "app.feedback.schema",
        "app.feedback.store",
        "app.feedback.tables",
    ]
    users = {name for name in ALL_MODULES if "app.feedback.store" in imports_of(name)}
    assert users == {"app.feedback.commands", "app.feedback.intake", "model_training.corrections"}


def test_only_bulk_knows_ray() -> None:
    """What archives of pictures take is named by the bulk command's modules alone, Ray by one, inside functions.

    Besides there is a module that Ray Serve imports, and nobody else.
    """

    def named(found: set[str]) -> set[str]:
        return {other.split(".")[0] for other in found} & {"ray", "pyarrow", "fsspec"}

    assert {name for name in SERVICE if named(imports_of(name))} == {
        "app.bulk.contents",
        "app.bulk.engine",
        "app.bulk.files",
        "app.bulk.listing",
        "app.bulk.plan",
        "app.bulk.rows",
        "app.bulk.work",
        "app.ray_serve",
    }
    assert [name for name in SERVICE if "ray" in named(imports_of(name))] == ["app.bulk.engine", "app.ray_serve"]
    assert not [name for name in SERVICE if {"app.ray_serve", "app.ray_retry"} & imports_of(name)]
    at_import = [
        node
        for node in ast.parse(ALL_PATHS["app.bulk.engine"].read_text()).body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    assert not named(imports_in(ast.Module(at_import, [])))
    users = {name for name in SERVICE if any(other.startswith("app.bulk") for other in ours(name))}
    assert {name for name in users if not name.startswith("app.bulk.")} == {"app.cli"}


def test_only_compilation_imports_keras_and_only_when_called() -> None:
    """Keras and TensorFlow are imported by one module of the service, inside functions or for types alone."""

    def heavy(found: set[str]) -> set[str]:
        return {other for other in found if other.split(".")[0] in {"keras", "tensorflow"}}

    assert [name for name in SERVICE if heavy(imports_of(name))] == ["app.compilation"]
    at_import = [
        node
        for node in ast.parse(ALL_PATHS["app.compilation"].read_text()).body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    assert not heavy(imports_in(ast.Module(at_import, [])))


def test_only_the_entry_point_and_the_protocol_know_the_server() -> None:
    """The application runs under any ASGI server: uvicorn and its parser are named by three modules alone."""
    servers = {"uvicorn", "httptools"}
    knowing = [name for name in SERVICE if {other.split(".")[0] for other in imports_of(name)} & servers]
    assert knowing == ["app.flow", "app.main", "app.protocol"]


def loaded_by(program: str) -> set[str]:
    """The packages that a process has loaded once it has run a program."""
    report = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    return set(
        subprocess.run(
            [sys.executable, "-c", f"{program}\n{report}"],
            cwd=PROJECT_FOLDER,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.split()
    )


def test_service_starts_without_tensorflow() -> None:
    """A process that builds the application loads neither Keras nor TensorFlow, nor anything of the training."""
    loaded = loaded_by("import app.main, app.protocol; app.main.application()")
    assert {"app", "fastapi", "ai_edge_litert", "httptools"} <= loaded
    heavy = {"keras", "tensorflow", "model_training", "matplotlib", "scipy", "sklearn", "sqlalchemy"}
    assert not heavy & loaded


def test_service_starts_without_what_sends_traces() -> None:
    """OpenTelemetry's SDK is not loaded where no traces are wanted; its interface comes with FastAPI."""
    program = "import sys, app.main; app.main.application(); assert 'opentelemetry.sdk' not in sys.modules"
    assert "opentelemetry" in loaded_by(program)


def test_service_without_a_database_loads_none() -> None:
    """A process that serves, or reads on the command line, loads no database library unless one is set."""
    serves = (
        "import app.cli, app.main; from tests.app.service import serving\n"
        "with serving(app.main.application()) as client: assert client.get('/health/ready').status_code == 200"
    )
    assert not {"sqlalchemy", "alembic", "psycopg", "mako", "ray", "pyarrow", "fsspec"} & loaded_by(serves)


def test_supervisor_is_light() -> None:
    """The entry point alone, as the process runs it that watches over the others, loads nothing that reads pictures."""
    loaded = loaded_by("import app.main")
    assert "uvicorn" in loaded
    assert not {"ai_edge_litert", "cv2", "fastapi", "numpy", "PIL", "prometheus_client"} & loaded
