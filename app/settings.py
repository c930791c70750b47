"""Settings, from the environment: each field is the variable DIGITS_<FIELD>."""

import re
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.contract import MAX_PIXELS
from app.feedback.address import check_address
from app.keys import parse_digest, read_digests
from app.logs import LogFormat
from app.quota import usable_cores
from app.rate import Rate

ENVIRONMENT_PREFIX: Final = "DIGITS_"

PROJECT_FOLDER: Final = Path(__file__).parent.parent

_CARRIED_MODEL: Final = Path(__file__).parent / "artifacts" / "default"
"""Where the model lies in an installed package; a checkout has no such folder."""


_ORIGIN: Final = re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\]")

_UNSHOWN: Final = frozenset({"api_keys", "database"})
"""Settings whose values are not repeated in what is said about them."""

_NO_RATE: Final = "none"


def _words(value: Any) -> Any:
    """The words of a text, between commas or spaces."""
    if not isinstance(value, str):
        return value
    if not (words := tuple(value.replace(",", " ").split())):
        # Perhaps what should have been filled in was not: better no service than one that is open by mistake.
        raise ValueError("it names none; leave the variable out if that is what you want")
    return words


def _each(pattern: re.Pattern[str], advice: str) -> AfterValidator:
    def check(words: tuple[str, ...]) -> tuple[str, ...]:
        lowered = tuple(word.lower() for word in words)
        if wrong := [word for word in lowered if not pattern.fullmatch(word)]:
            raise ValueError(f"{wrong[0]} is {advice}")
        return lowered

    return AfterValidator(check)


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        ip_network(word)
    return words


def _rate(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return None if value == _NO_RATE else Rate.parse(value)


def _checked(read: Callable[[Any], object]) -> AfterValidator:
    """Look whether something can be read, and keep it as it is."""

    def check(value: Any) -> Any:
        if value is not None:
            read(value)
        return value

    return AfterValidator(check)


class Settings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(description="Port to listen on.", ge=0, le=65535)] = 8000
    model: Annotated[
        Path, Field(description="The model to serve: `artifacts/NAME`, a version's folder, or a `.keras` file.")
    ] = _CARRIED_MODEL if _CARRIED_MODEL.is_dir() else PROJECT_FOLDER / "artifacts" / "default"
    watch_seconds: Annotated[
        float,
        Field(
            description="Seconds between two looks at which version of the model is published; 0 never looks.",
            ge=0,
            le=86_400,
            allow_inf_nan=False,
        ),
    ] = 2.0
    shadow: Annotated[
        Path | None,
        Field(description="A candidate, as `model`, that reads the same pictures so that differences are counted."),
    ] = None
    max_bytes: Annotated[int, Field(description="Largest picture accepted, in bytes.", ge=1024, le=2**30)] = 16 * 2**20
    max_pixels: Annotated[
        int, Field(description="Most pixels (width times height) of a picture.", ge=28 * 28, le=89_478_485)
    ] = MAX_PIXELS
    max_batch: Annotated[int, Field(description="Most pictures of one request.", ge=1, le=1024)] = 64
    max_batch_bytes: Annotated[
        int, Field(description="Largest request with several pictures or tensors, in bytes.", ge=1024, le=2**30)
    ] = 64 * 2**20
    workers: Annotated[
        int,
        Field(
            description="Processes that share the port; as many as whole cores may be used, in a container too.",
            ge=1,
            le=256,
            default_factory=lambda: max(1, int(usable_cores())),
        ),
    ]
    pool_threads: Annotated[
        int,
        Field(
            description="Threads of each process for pictures that take too long for the event loop.",
            ge=1,
            le=256,
            default_factory=lambda known: max(1, int(usable_cores()) // known["workers"]),
        ),
    ]
    pool_capacity: Annotated[
        int,
        Field(
            description="Requests with such pictures, or with many, that a process has under way or waiting; one "
            "more is answered with 503.",
            ge=1,
            le=10_000,
        ),
    ] = 64
    queue: Annotated[
        int,
        Field(
            description="Requests that wait for one process in a burst; one more is answered with 503. While they keep "
            "coming faster than they are answered, an eighth of it.",
            ge=8,
            le=100_000,
        ),
    ] = 64
    max_held_bytes: Annotated[
        int,
        Field(
            description="Most bytes of the bodies of all requests that a process has under way; what does not fit is "
            "answered with 503.",
            ge=1024,
            le=2**36,
            default_factory=lambda known: max(2**28, 4 * max(known["max_bytes"], known["max_batch_bytes"])),
        ),
    ]
    max_connections: Annotated[
        int, Field(description="Most connections of a process; the last eighth is kept for probes.", ge=8, le=100_000)
    ] = 512
    timeout: Annotated[
        float, Field(description="Seconds after which no work is begun for a request any more.", gt=0, le=3600)
    ] = 30.0
    upload_timeout: Annotated[
        float,
        Field(
            description="Seconds that a request's headers may take, and its body beyond what 8 KiB a second explain.",
            gt=0,
            le=3600,
        ),
    ] = 20.0
    keep_alive: Annotated[
        int, Field(description="Seconds for which a connection stays open that is not in use.", ge=0, le=3600)
    ] = 75
    drain: Annotated[
        float,
        Field(
            description="Seconds for which a process that was told to end says it is not ready and still answers.",
            ge=0,
            le=3600,
        ),
    ] = 3.0
    database: Annotated[
        str | None,
        _checked(check_address),
        Field(
            description="Where corrections are kept: `sqlite:///PATH` or `postgresql://...`; without, none are taken."
        ),
    ] = None
    feedback_days: Annotated[
        int, Field(description="Days for which a correction is kept, reviewed or not.", ge=1, le=3650)
    ] = 90
    api_keys: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_words),
        _checked(lambda hashes: list(map(parse_digest, hashes))),
        Field(description="SHA-256 hashes of the API keys that open the service; probes are open without."),
    ] = ()
    api_keys_file: Annotated[
        Path | None,
        _checked(read_digests),
        Field(description="A file with more such hashes, one a line."),
    ] = None
    rate_limit: Annotated[
        Rate | None,
        NoDecode,
        BeforeValidator(_rate),
        Field(description="Most requests of one key, or of one address, as `600/minute`; `none` for no limit."),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_words),
        _each(_ORIGIN, "no origin; write https://example.org, or * for all"),
        Field(description="Origins whose pages may ask the service; `*` for all."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_words),
        _each(_HOST, "no host name; write example.org, without scheme or port, or *.example.org for all below"),
        Field(description="Names by which the service may be asked; `*.` in front for all below."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_words),
        AfterValidator(_networks),
        Field(description="Addresses or networks of proxies that are believed about whom they ask for."),
    ] = ()
    hsts_seconds: Annotated[
        int,
        Field(
            description="How long browsers shall use https only for this host; only behind TLS.", ge=0, le=63_072_000
        ),
    ] = 0
    public_metrics: Annotated[bool, Field(description="Whether `/metrics` is open to everybody, as probes are.")] = (
        False
    )
    log_format: Annotated[
        LogFormat,
        Field(
            description="How the log is written on standard error: `text`, or `json`, one object a line.",
            default_factory=lambda: "text" if sys.stderr.isatty() else "json",
        ),
    ]
    access_log: Annotated[bool, Field(description="Whether each request gets a line in the log.")] = False

    @property
    def offered_feedback_days(self) -> int | None:
        """For how many days corrections are kept; None where none are taken."""
        return self.feedback_days if self.database is not None else None

    @property
    def has_keys(self) -> bool:
        """Whether the service asks for API keys."""
        return bool(self.api_keys) or self.api_keys_file is not None

    def key_digests(self) -> tuple[bytes, ...]:
        """The hashes of all keys, 32 bytes each.

        Raises:
            ValueError: the file with them has changed since the settings were read, and cannot be used any more.
        """
        from_file = () if self.api_keys_file is None else read_digests(self.api_keys_file)
        return (*map(parse_digest, self.api_keys), *from_file)


def complaints(error: ValidationError) -> Iterator[str]:
    """A sentence for each setting that is not usable."""
    for part in error.errors():
        if part["type"] == "default_factory_not_called":
            # It follows from another mistake.
            continue
        variable = ENVIRONMENT_PREFIX + str(part["loc"][0]).upper()
        # What stands where a hash should be may be a key.
        shown = variable if part["loc"][0] in _UNSHOWN else f"{variable}={part['input']!r}"
        yield f"{shown} is not usable: {part['msg'].removeprefix('Value error, ')}."
