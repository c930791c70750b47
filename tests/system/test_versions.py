"""A real service, several processes, under load while versions come and go: every request is answered, and right."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

import httpx

from app.artifact import current_folder
from app.settings import PROJECT_FOLDER
from tests.pictures import encode, seven
from tests.system.conftest import PATIENCE, Server, serve
from tests.system.publishing import publish_another, rolled_back

PROCESSES = 2
CLIENTS = 4
SMALL = encode(seven(28, 28, ink=255, ground=0), "PNG")


class Load:
    """Clients that ask without pause, each request on a connection of its own so that it may meet any process."""

    def __init__(self, server: Server) -> None:
        self._url = f"{server.url}/predict"
        self._ended = threading.Event()
        self.answers: Counter[tuple[int, int, str]] = Counter()
        """By status, digit and version."""
        self.errors: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            try:
                answer = httpx.post(self._url, content=SMALL, headers={"content-type": "image/png"}, timeout=PATIENCE)
                reading = answer.json()
                outcome = (answer.status_code, reading["digit"], reading["model"]["version"])
            except Exception as error:  # noqa: BLE001  # whatever it is, the request is lost
                self.errors.append(repr(error))
            else:
                with self._lock:
                    self.answers[outcome] += 1

    def versions_seen(self, count: int) -> set[str]:
        """The versions that answer so many further requests."""
        with self._lock:
            before = self.answers.copy()
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._lock:
                after = self.answers - before
            if after.total() >= count:
                return {version for _, _, version in after}
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.02)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_request_is_lost_while_versions_come_and_go(tmp_path: Path) -> None:
    """New, bad and former versions are published under load: both processes follow or stay, and all are answered."""
    home = Path(shutil.copytree(PROJECT_FOLDER / "artifacts" / "default", tmp_path / "default"))
    first = current_folder(home).name
    with serve(DIGITS_MODEL=home, DIGITS_WORKERS=PROCESSES, DIGITS_WATCH_SECONDS=0.1) as server, Load(server) as load:
        assert load.versions_seen(20) == {first}
        for version in ("second", "third"):
            publish_another(home, version)
            wait_for(lambda version=version: load.versions_seen(20) == {version})  # type: ignore[misc]
        publish_another(home, "bad", damaged=True)

        def refused() -> bool:
            reports = [httpx.get(f"{server.url}/model").json()["versions"]["refused"] for _ in range(20)]
            return all(report is not None and report["version"] == "bad" for report in reports)

        wait_for(refused)
        assert load.versions_seen(20) == {"third"}
        assert rolled_back(home, "--to", "third") == "third"
        wait_for(lambda: httpx.get(f"{server.url}/model").json()["versions"]["refused"] is None)
        publish_another(home, "fourth")
        wait_for(lambda: load.versions_seen(20) == {"fourth"})
    assert load.errors == []
    assert {(status, digit) for status, digit, _ in load.answers} == {(200, 7)}
    assert {version for _, _, version in load.answers} == {first, "second", "third", "fourth"}
