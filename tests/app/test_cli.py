"""The command line as its users type it: results, sentences, exit codes; on the tiny model, in this process."""

import csv
import io
import json
import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app import __version__, cli, client
from app.artifact import METADATA_FILE, Metadata, current_folder, publish, read_artifact
from app.console import MANY, Console, without_native_messages
from app.keys import digest_of
from app.settings import Settings
from tests.app.test_client import ANSWER
from tests.pictures import encode, seven

SEVEN = encode(seven(), "PNG")
SMALL = encode(seven(28, 28, ink=255, ground=0), "PNG")


@pytest.fixture(autouse=True)
def _tiny(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DIGITS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DIGITS_MODEL", str(tiny_artifact))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures, one of them blank, in two folders."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    for name in ("a.png", "more/c.png", "more/d.png", "z.png"):
        (pictures / name).write_bytes(SEVEN)
    (pictures / "b.png").write_bytes(encode(seven(ink=255), "PNG"))
    return pictures


def run(*arguments: str | Path | int, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli.commands, ["read", *map(str, arguments)], input=stdin)


def paths_in(content: str) -> list[str]:
    return [json.loads(row)["path"] for row in content.splitlines()]


class TestResults:
    def test_text(self, tmp_path: Path) -> None:
        """One line a picture: its path, its digit, how sure."""
        path = tmp_path / "a.png"
        path.write_bytes(SEVEN)
        result = run(path)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{path}: ")
        assert result.stdout.endswith("%)\n")

    @pytest.mark.parametrize("jobs", [1, 4])
    def test_json_lines_in_the_order_of_the_paths(self, folder: Path, jobs: int) -> None:
        """Paths come as they were given and folders in the order of their names, whatever the number of threads."""
        result = run(folder / "z.png", folder, "--json", "--jobs", jobs)
        names = ["z.png", "a.png", "b.png", "more/c.png", "more/d.png", "z.png"]
        assert paths_in(result.stdout) == [f"{folder}/{name}" for name in names]

    def test_csv(self, folder: Path) -> None:
        """A heading and a row for each picture, those that cannot be read too."""
        rows = list(csv.DictReader(io.StringIO(run(folder, "--format", "csv").stdout, newline="")))
        assert [row["error"] for row in rows] == ["", "no_ink", "", "", ""]
        assert {row["path"]: row["digit"] == "" for row in rows}[f"{folder}/b.png"]

    def test_standard_input(self) -> None:
        """`-` is one picture; without bytes there is none."""
        result = run("-", "--json", stdin=SEVEN)
        assert (result.exit_code, json.loads(result.stdout)["path"]) == (0, "-")
        result = run("-", stdin=b"")
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "digits: -: It is empty.\n")

    def test_output_file(self, folder: Path, tmp_path: Path) -> None:
        """The results go to the file, which is replaced, and nothing to standard output; `-o -` is standard output."""
        output = tmp_path / "out.jsonl"
        output.write_text("what was there before\n" * 1000)
        result = run(folder, "--json", "-o", output)
        assert result.stdout == ""
        assert output.read_text() == run(folder, "--json", "-o", "-").stdout

    def test_empty_folder(self, tmp_path: Path) -> None:
        """All of no pictures were read."""
        assert run(tmp_path).exit_code == 0


class TestExitCodes:
    def test_some_could_not_be_read(self, folder: Path) -> None:
        """The others are read all the same; each that could not be is named in a sentence."""
        result = run(folder, "missing.png")
        assert result.exit_code == 1
        assert len(result.stdout.splitlines()) == 4
        blank, missing = result.stderr.splitlines()
        assert blank.startswith(f"digits: {folder}/b.png: ")
        assert blank.endswith(".")
        assert missing == "digits: missing.png: No such file or directory."

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ([], "Missing argument"),
            (["a", "--nonsense"], "No such option"),
            (["a", "--format", "xml"], "'xml' is not one of"),
            (["a", "--json", "--format", "csv"], "contradict each other"),
            (["a", "--jobs", "0"], "0 is not in the range"),
            (["a", "--jobs", "65"], "65 is not in the range"),
            (["a", "--resume", "--json"], "--resume needs --output"),
            (["a", "--resume", "-o", "x"], "--resume needs --output"),
            (["a", "--resume", "--json", "-o", "-"], "--resume needs --output"),
            (["-", "-"], "name - once"),
            (["a", "--url", "nowhere"], "'nowhere' is not an address"),
            (["a", "--url", "http://service", "--key", "no key"], "That is no API key"),
            (["a", "-o", "/missing/folder/x"], "cannot be written: No such file"),
        ],
    )
    def test_commands_that_make_no_sense(self, arguments: list[str], sentence: str) -> None:
        """They end with 2 and a sentence, before anything is read."""
        result = run(*arguments)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert result.stdout == ""

    def test_bad_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings that make no sense are named as the service names them."""
        monkeypatch.setenv("DIGITS_MAX_PIXELS", "many")
        result = run("a")
        assert result.exit_code == 2
        assert "DIGITS_MAX_PIXELS='many' is not usable" in result.stderr

    def test_no_model(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A sentence says what to do, and an output is not touched."""
        monkeypatch.setenv("DIGITS_MODEL", str(tmp_path))
        output = tmp_path / "out.csv"
        output.write_text("precious")
        result = run("a", "-o", output)
        assert result.exit_code == 1
        assert result.stderr == f"digits: {tmp_path} holds no published model. Train one with: make train\n"
        assert output.read_text() == "precious"

    @pytest.mark.parametrize(("form", "advice"), [("text", ""), ("jsonl", " The same command with --resume goes on.")])
    def test_interrupt(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, advice: str
    ) -> None:
        """Ctrl-C ends with 130, a sentence, and whole lines."""
        told: list[str] = []

        def tell(_: Console) -> None:
            told.append("")
            if len(told) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(Console, "advance", tell)
        output = tmp_path / "out"
        result = run(folder, "--format", form, "-o", output)
        assert result.exit_code == 130
        assert result.stderr.splitlines()[-1] == f"digits: Interrupted.{advice}"
        assert output.read_bytes().endswith(b"\n")

    def test_results_that_cannot_be_written(self, folder: Path) -> None:
        """A full disk is told of in a sentence."""
        if not Path("/dev/full").exists():
            pytest.skip("this system has no device that is always full")
        result = run(folder, "-o", "/dev/full")
        assert result.exit_code == 1
        assert result.stderr == "digits: The results cannot be written: No space left on device.\n"

    def test_version(self) -> None:
        """--version names the package's."""
        assert CliRunner().invoke(cli.commands, ["--version"]).stdout == f"digits, version {__version__}\n"


class TestResume:
    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_goes_on_where_it_ended(self, folder: Path, tmp_path: Path, form: str) -> None:
        """Wherever a run was cut, resuming makes the output what it would have been, reading only what was missing."""
        output = tmp_path / "out"
        arguments = (folder, "--format", form, "-o", output, "--resume")
        assert run(*arguments).exit_code == 1
        whole = output.read_bytes()
        for cut in (0, 3, len(whole) // 2, len(whole) - 1):
            output.write_bytes(whole[:cut])
            assert run(*arguments).exit_code == 1
            assert output.read_bytes() == whole
        (folder / "a.png").write_bytes(b"would not be read again")
        result = run(*arguments)
        assert output.read_bytes() == whole
        assert result.exit_code == 1
        assert result.stderr == f"digits: 1 pictures could not be read by the runs before; {output} says why.\n"

    def test_other_pictures(self, folder: Path, tmp_path: Path) -> None:
        """An output of other pictures is left alone."""
        output = tmp_path / "out.jsonl"
        run(folder / "more", "--json", "-o", output)
        before = output.read_bytes()
        result = run(folder, "--json", "-o", output, "--resume")
        assert result.exit_code == 2
        assert f"--resume cannot go on in {output}: its result 1 is of {folder}/more/c.png" in result.stderr
        assert output.read_bytes() == before


class TestService:
    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
        """What a service answers in turn; then nobody is there."""
        answers: list[httpx.Response] = []
        self.sent = sent = list[httpx.Request]()

        class Offline(client.Client):
            def __init__(self, url: str, *, key: str | None, timeout: float) -> None:
                def handle(request: httpx.Request) -> httpx.Response:
                    sent.append(request)
                    if not answers:
                        raise httpx.ConnectError("refused")
                    return answers.pop(0)

                super().__init__(url, key=key, timeout=timeout, attempts=1, transport=httpx.MockTransport(handle))

        monkeypatch.setattr(client, "Client", Offline)
        return answers

    def test_asks_the_service(self, answers: list[httpx.Response], folder: Path) -> None:
        """Results are the service's, not those of the model here."""
        answers.append(httpx.Response(200, json=ANSWER))
        result = run(folder / "a.png", "--url", "http://service", "--json")
        assert json.loads(result.stdout)["model"] == ANSWER["model"]

    @pytest.mark.parametrize("way", ["option", "variable"])
    def test_key(self, answers: list[httpx.Response], folder: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        """A key goes to the service, from the option or from the environment, where other users do not see it."""
        answers.append(httpx.Response(200, json=ANSWER))
        if way == "variable":
            monkeypatch.setenv("DIGITS_KEY", "a-key")
        result = run(folder / "a.png", "--url", "http://service", *(["--key", "a-key"] if way == "option" else []))
        assert result.exit_code == 0
        assert self.sent[-1].headers["authorization"] == "Bearer a-key"

    def test_no_service_ends_the_run(self, answers: list[httpx.Response], folder: Path, tmp_path: Path) -> None:
        """What came before is kept, nothing is blamed on the pictures, and the sentence says how to go on."""
        answers.append(httpx.Response(200, json=ANSWER))
        output = tmp_path / "out.jsonl"
        result = run(folder, "--url", "http://service", "--json", "-o", output, "-j", 1)
        assert result.exit_code == 1
        assert result.stderr == (
            "digits: http://service cannot be reached: refused. The same command with --resume goes on.\n"
        )
        assert paths_in(output.read_text()) == [f"{folder}/a.png"]

    def test_without_its_libraries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the libraries that ask a service are missing, a sentence names what to install."""
        monkeypatch.setitem(sys.modules, "httpx", None)
        monkeypatch.delitem(sys.modules, "app.client")
        result = run("a", "--url", "http://service")
        assert result.exit_code == 2
        assert "--url needs httpx. Install it with: pip install httpx tenacity" in result.stderr


def test_new_key() -> None:
    """A key and its hash, another pair each time; the hash is one that the service takes."""
    results = [CliRunner().invoke(cli.commands, ["key"]) for _ in range(2)]
    keys = []
    for result in results:
        assert result.exit_code == 0
        (first, key), (second, written) = map(str.split, result.stdout.splitlines())
        assert (first, second) == ("key", "hash")
        assert Settings(api_keys=(written,)).key_digests() == (digest_of(key.encode()),)
        keys.append(key)
    assert len(set(keys)) == 2


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class TestTerminal:
    def test_many_pictures_have_a_bar(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It shows how many there are and goes out of the way of sentences."""
        monkeypatch.setattr(sys, "stderr", screen := Terminal())
        console = Console(lambda: MANY, done=5)
        console.complain("a\nb.png", "It is blank.")
        console.advance()
        console.close()
        assert f"6/{MANY}" in screen.getvalue()
        assert "digits: a\\nb.png: It is blank.\n" in screen.getvalue()

    def test_few_pictures_have_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One less is not many."""
        monkeypatch.setattr(sys, "stderr", screen := Terminal())
        console = Console(lambda: MANY - 1)
        console.advance()
        console.close()
        assert screen.getvalue() == ""

    def test_pipes_have_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Where nobody watches, pictures are not even counted."""

        def count() -> int:
            raise AssertionError

        console = Console(count)
        console.advance()
        console.close()
        assert capsys.readouterr().err == ""

    def test_native_messages(self, capfd: pytest.CaptureFixture[str]) -> None:
        """What C code writes to standard error does not show, and what comes later does."""
        with without_native_messages():
            os.write(2, b"noise")
        os.write(2, b"signal")
        assert capfd.readouterr().err == "signal"


def peak_memory(folder: Path, output: Path) -> int:
    """Bytes at most allocated while a folder is read."""
    tracemalloc.start()
    try:
        assert run(folder, "--json", "-o", output, "-j", "2").exit_code == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    """3,000 pictures take the memory of 300, but for the names of a block: the results alone would take 3 MB more."""
    folders: dict[int, Path] = {}
    for total in (1, 300, 3000):
        folders[total] = tmp_path / str(total)
        folders[total].mkdir()
        for number in range(total):
            (folders[total] / f"{number:05}.png").write_bytes(SMALL)
    # What is loaded or cached once is no matter.
    run(folders[1])
    few, many = (peak_memory(folders[total], tmp_path / "out.jsonl") for total in (300, 3000))
    assert (tmp_path / "out.jsonl").stat().st_size > 1_000_000
    assert many - few < 1_000_000


def test_an_empty_iterator_is_no_output(tmp_path: Path) -> None:
    """CSV of no pictures is its heading, so that programs that read it find the columns."""
    assert run(tmp_path, "--format", "csv").stdout.startswith("path,digit,")


class TestRollback:
    @pytest.fixture
    def home(self, tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The tiny network published twice: what the settings name."""
        home = Path(shutil.copytree(tiny_artifact, tmp_path / "tiny"))
        present = current_folder(home)

        def write(folder: Path) -> Metadata:
            shutil.copytree(present, folder, dirs_exist_ok=True)
            return read_artifact(present).metadata.model_copy(update={"version": "second"})

        publish(home.parent, home.name, write)
        monkeypatch.setenv("DIGITS_MODEL", str(home))
        return home

    @staticmethod
    def roll_back(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli.commands, ["rollback", *map(str, arguments)])

    @pytest.mark.parametrize("named", [False, True])
    def test_goes_back(self, home: Path, *, named: bool) -> None:
        """The version before is published again, of the model that is named or else that the settings name."""
        result = self.roll_back(home) if named else self.roll_back()
        before = current_folder(home)
        assert before.name != "second"
        assert (result.exit_code, result.stdout) == (0, f"Published {before}\n")
        assert self.roll_back("--to", "second").exit_code == 0
        assert current_folder(home).name == "second"

    def test_version_that_fails_its_self_test_does_not_come_back(self, home: Path) -> None:
        """What the service would refuse is refused here, in one sentence, and the published version stays."""
        [before] = [path for path in home.glob("2*") if path.is_dir()]
        content = json.loads((before / METADATA_FILE).read_text())
        content["self_test"]["probabilities"] = [1.0] + [0.0] * 9
        (before / METADATA_FILE).write_text(json.dumps(content))
        result = self.roll_back()
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("digits: The model fails its self-test")
        assert current_folder(home).name == "second"

    def test_nothing_before(self, home: Path) -> None:
        """Where nothing came before, the versions that are there are told."""
        self.roll_back()
        present = current_folder(home)
        result = self.roll_back()
        assert (result.exit_code, current_folder(home)) == (1, present)
        assert "second" in result.stderr
        assert len(result.stderr.splitlines()) == 1
