"""The commands with which corrections are reviewed."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from app.cli import commands
from app.feedback.store import Store
from tests.app.feedback.databases import correction


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with three corrections that nobody has reviewed."""
    address = f"sqlite:///{tmp_path / 'corrections.db'}"
    store = Store(address)
    for shade, label in ((1, "7"), (2, "not_a_digit"), (3, "0")):
        store.add(correction(shade, label))  # type: ignore[arg-type]
    store.close()
    return address


def run(url: str | None, *arguments: str, days: int = 90) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `digits feedback`."""
    variables = {"DIGITS_DATABASE": url, "DIGITS_FEEDBACK_DAYS": str(days)}
    result = CliRunner(env=variables).invoke(commands, ["feedback", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_list(url: str) -> None:
    """A line each: identity, day, state, label, and what the model said."""
    status, output, _ = run(url, "list")
    assert status == 0
    [line] = [line for line in output.splitlines() if correction(2, "not_a_digit").id in line]
    for part in ("waiting", "not_a_digit", "read 1 (75.0%, uncertain) by default 20261122-ca8ebbb7"):
        assert part in line
    assert len(output.splitlines()) == 3
    assert ("held out" in line) == correction(2).is_held_out


def test_review(url: str) -> None:
    """Accepted and rejected ones are listed apart."""
    one, other = correction(1).id, correction(3, "0").id
    assert run(url, "accept", one, other) == (0, "Accepted 2\n", "")
    assert run(url, "reject", other) == (0, "Rejected 1\n", "")
    assert run(url, "list", "--state", "accepted")[1].startswith(one)
    assert run(url, "list", "--state", "rejected")[1].startswith(other)
    assert len(run(url, "list", "--state", "waiting")[1].splitlines()) == 1


def test_what_is_not_there(url: str) -> None:
    """An identity that is not there is told, and the others are reviewed all the same."""
    assert run(url, "accept", correction(1).id, "none") == (1, "Accepted 1\n", "digits: 1 of them are not there.\n")


def test_export(url: str, tmp_path: Path) -> None:
    """The pictures are written as make evaluate reads them: state, label, file; pixel by pixel."""
    run(url, "accept", correction(1).id)
    folder = tmp_path / "out"
    assert run(url, "export", str(folder)) == (0, f"Written 3 to {folder}\n", "")
    accepted = folder / "accepted" / "7" / f"{correction(1).id}.png"
    with Image.open(accepted) as picture:
        assert picture.tobytes() == correction(1).picture.tobytes()
    assert {path.name for path in (folder / "waiting").iterdir()} == {"0", "not_a_digit"}
    status, _, error = run(url, "export", str(tmp_path / "corrections.db"))
    assert status == 2
    assert "is a file" in error
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "accepted").touch()
    status, _, error = run(url, "export", str(tmp_path / "blocked"))
    assert status == 1
    assert error.startswith("digits: The pictures cannot be written:")


def test_purge(url: str) -> None:
    """By name, or those that have been kept long enough."""
    assert run(url, "purge", correction(1).id) == (0, "Deleted 1\n", "")
    assert run(url, "purge") == (0, "Deleted 0\n", "")
    assert len(run(url, "list")[1].splitlines()) == 2


def test_no_database(tmp_path: Path) -> None:
    """None named, none usable, none that answers: each is a sentence."""
    status, _, error = run(None, "list")
    assert (status, "set DIGITS_DATABASE, or pass --database" in error) == (2, True)
    status, _, error = run("mysql://u:s3cret@host/x", "list")
    assert (status, "DIGITS_DATABASE is not usable: write sqlite" in error, "s3cret" in error) == (2, True, False)
    status, _, error = run(f"sqlite:///{tmp_path}/nowhere/x.db", "list")
    assert (status, error.startswith("digits: The database of the corrections does not answer.")) == (1, True)
    assert len(error.splitlines()) <= 2


def test_option_instead_of_variable(url: str) -> None:
    """--database names it too."""
    result = CliRunner().invoke(commands, ["feedback", "--database", url, "list"])
    assert len(result.stdout.splitlines()) == 3
