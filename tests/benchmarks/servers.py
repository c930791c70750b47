"""The servers that are compared: how each is started, and how it is asked."""

import json
import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from app.artifact import MODEL_FILE, TWIN_FILE, current_folder
from app.settings import PROJECT_FOLDER
from tests.benchmarks.environments import SERVICE, Environment, alternative
from tests.benchmarks.load import HOST

Engine = Literal["keras", "litert"]
Ask = Callable[[bytes, str], bytes]
"""An encoded picture and its media type -> a whole HTTP request."""

_PROGRAMS: Final = "tests.benchmarks.alternatives"
SCRATCH: Final = PROJECT_FOLDER / "build" / "benchmarks"
"""Where servers may write: their logs, and what MLServer's processes share."""
_BOUNDARY: Final = "benchmark7f3a9c"


@dataclass(frozen=True, slots=True)
class Server:
    """One row of the tables."""

    key: str
    """What ONLY= calls it."""
    title: str
    engine: Engine | None
    """None where nothing is inferred."""
    environment: Environment
    command: tuple[str, ...]
    """Behind the environment's Python; PORT stands for the port."""
    ask: Ask
    ready: str
    """Path that answers with 200 when pictures can be sent."""
    answer: str = r'"digit": ?{digit}\b'
    """Regular expression of a right answer's body; {digit} stands for the digit."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the process's environment; PORT stands for the port, PORT+1 and PORT+2 for two more."""

    @property
    def rival(self) -> bool:
        """Whether it is one of the alternatives."""
        return self.engine is not None and self.environment is not SERVICE

    def asked(self, picture: bytes, media_type: str, digit: int) -> tuple[bytes, str]:
        """The request that uploads a picture, and the regular expression of a right answer."""
        return self.ask(picture, media_type), self.answer.replace("{digit}", str(digit))

    def started_with(self, ports: tuple[int, int, int]) -> tuple[list[str], dict[str, str]]:
        """Command line and environment variables of its process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIGITS_", "BENCH_"))}
        model = current_folder(PROJECT_FOLDER / "artifacts" / "default")
        told = {
            "PYTHONPATH": str(PROJECT_FOLDER),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "BENCH_MODEL": str(model / MODEL_FILE),
            "BENCH_TWIN": str(model / TWIN_FILE),
            "BENCH_ENGINE": self.engine or "",
            **self.variables,
        }
        names = {"PORT": str(ports[0]), "PORT+1": str(ports[1]), "PORT+2": str(ports[2])}
        command = [str(self.environment.python), *(names.get(word, word) for word in self.command)]
        return command, kept | {name: names.get(value, value) for name, value in told.items()}


def http_request(method: str, path: str, media_type: str = "", body: bytes = b"") -> bytes:
    """A whole HTTP/1.1 request."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Accept: */*"]
    if body:
        head += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def ask_by_form(path: str, name: str) -> Ask:
    """One file of a multipart form, as browsers and curl send it."""

    def ask(picture: bytes, media_type: str) -> bytes:
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="digit"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        body = head.encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return http_request("POST", path, f"multipart/form-data; boundary={_BOUNDARY}", body)

    return ask


def ask_litserve(picture: bytes, _: str) -> bytes:
    """Base64 in JSON, as LitServe's guides send pictures; an upload above 1 MB would not reach its workers."""
    body = json.dumps({"image_bytes": b64encode(picture).decode()}).encode()
    return http_request("POST", "/predict", "application/json", body)


def ask_mlserver(picture: bytes, _: str) -> bytes:
    """The V2 inference protocol, with the picture as a base64 element."""
    tensor = {
        "name": "picture",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"content_type": "base64"},
        "data": [b64encode(picture).decode()],
    }
    return http_request(
        "POST", "/v2/models/digits/infer", "application/json", json.dumps({"inputs": [tensor]}).encode()
    )


def _service(workers: int) -> Server:
    return Server(
        key=f"service-{workers}",
        title=f"this service, {workers} process{'es' if workers > 1 else ''}",
        engine="litert",
        environment=SERVICE,
        command=("-m", "app.main"),
        ask=ask_by_form("/predict", "file"),
        ready="/health/ready",
        variables={"DIGITS_PORT": "PORT", "DIGITS_WORKERS": str(workers), "DIGITS_DRAIN": "0"},
    )


def _uvicorn(program: str, *options: str) -> tuple[str, ...]:
    flags = ("--host", HOST, "--port", "PORT", "--log-level", "warning", "--no-access-log")
    return ("-m", "uvicorn", f"{_PROGRAMS}.{program}:app", *flags, *options)


def _alternatives(engine: Engine) -> list[Server]:
    suffix = "" if engine == "keras" else "-litert"
    fastapi = alternative("fastapi")
    return [
        Server(
            key=f"tutorial{suffix}",
            title="FastAPI, `async def`" + (" and `model.predict` (tutorial)" if engine == "keras" else ""),
            engine=engine,
            environment=fastapi,
            command=_uvicorn("tutorial", "--workers", WORKERS["tutorial", engine]),
            ask=ask_by_form("/predict", "file"),
            ready="/openapi.json",
        ),
        Server(
            key=f"thread-pool{suffix}",
            title="FastAPI, `def` in the thread pool",
            engine=engine,
            environment=fastapi,
            command=_uvicorn("thread_pool", "--workers", WORKERS["thread-pool", engine]),
            ask=ask_by_form("/predict", "file"),
            ready="/openapi.json",
        ),
        Server(
            key=f"litserve{suffix}",
            title="LitServe, batching",
            engine=engine,
            environment=alternative("litserve"),
            command=("-m", f"{_PROGRAMS}.litserve_server"),
            ask=ask_litserve,
            ready="/health",
            variables={"BENCH_PORT": "PORT", "BENCH_WORKERS": WORKERS["litserve", engine]},
        ),
        Server(
            key=f"bentoml{suffix}",
            title="BentoML, adaptive batching",
            engine=engine,
            environment=alternative("bentoml"),
            command=("-m", "bentoml", "serve", f"{_PROGRAMS}.bentoml_server:Digits", "--host", HOST, "--port", "PORT"),
            ask=ask_by_form("/predict", "files"),
            ready="/readyz",
            variables={"BENCH_WORKERS": WORKERS["bentoml", engine], "BENTOML_DO_NOT_TRACK": "True"},
        ),
        Server(
            key=f"mlserver{suffix}",
            title="MLServer, adaptive batching" + (", `tf.function`" if engine == "keras" else ""),
            engine=engine,
            environment=alternative("mlserver"),
            command=(
                "-c",
                "from mlserver.cli import main; main()",
                "start",
                str(Path(__file__).parent / "alternatives" / "mlserver"),
            ),
            ask=ask_mlserver,
            ready="/v2/health/ready",
            answer=r'"name":"digit".*?"data":\[{digit}\]',
            variables={
                "MLSERVER_HOST": HOST,
                "MLSERVER_HTTP_PORT": "PORT",
                "MLSERVER_GRPC_PORT": "PORT+1",
                "MLSERVER_METRICS_PORT": "PORT+2",
                "MLSERVER_PARALLEL_WORKERS": WORKERS["mlserver", engine],
                "MLSERVER_DEBUG": "false",
                "MLSERVER_METRICS_DIR": str(SCRATCH / "mlserver"),
            },
        ),
    ]


WORKERS: Final[Mapping[tuple[str, Engine], str]] = {
    ("tutorial", "keras"): "1",
    ("tutorial", "litert"): "2",
    ("thread-pool", "keras"): "2",
    ("thread-pool", "litert"): "2",
    ("litserve", "keras"): "2",
    ("litserve", "litert"): "1",
    ("bentoml", "keras"): "2",
    ("bentoml", "litert"): "2",
    ("mlserver", "keras"): "1",
    ("mlserver", "litert"): "1",
}
"""Processes that infer: of one and two (MLServer: also none beside the server) the faster at 16 and 64 connections on
two cores. The tutorial with Keras has one, as tutorials start it."""

CEILING: Final = Server(
    key="ceiling",
    title="bare ASGI, fixed answer (the ceiling)",
    engine=None,
    environment=alternative("ceiling"),
    command=_uvicorn("ceiling", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"),
    ask=ask_by_form("/predict", "file"),
    ready="/",
    answer='"digit":0',
)

SERVERS: Final = (_service(1), _service(2), *_alternatives("keras"), *_alternatives("litert"), CEILING)
