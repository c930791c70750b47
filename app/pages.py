"""The pages for people: all that is served to a browser, put together when a version of the model is taken up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from typing import Final

from app.about import Plot, about_sections
from app.artifact import Evaluation, Metadata
from app.assets import Asset, asset, digest_of, read_folder
from app.reference import reference_sections

STATIC_FOLDER: Final = Path(__file__).parent / "static"

HOME_PATH: Final = "/"
ABOUT_PATH: Final = "/about-the-model"
DOCS_PATH: Final = "/docs"
STATIC_PATH: Final = "/static"

_PRIVACY: Final = "Pictures are read in memory and never kept."
_PRIVACY_WITH_FEEDBACK: Final = (
    "Pictures are read in memory and not kept. Only if you send a correction are the 28 by 28 pixels that the model "
    "saw kept with it, for {days} days."
)

_PAGES: Final = {HOME_PATH: "index.html", ABOUT_PATH: "about.html", DOCS_PATH: "docs.html"}

INTERFACE: Final = Path(__file__).with_name("openapi.json")
"""The document of the interface; a test proves that it is the application's."""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a browser may ask for. What it asks for is looked up here and nowhere else: no path reaches a disk."""

    pages: Mapping[str, Asset]
    """By path. They change, so a browser asks each time whether they have."""
    files: Mapping[tuple[str, str], Asset]
    """By digest and name. A changed file has another digest, so a browser may keep them for ever."""
    former: Mapping[tuple[str, str], Asset] = field(default_factory=dict)
    """Those of the model before, for pages that were sent before it was replaced."""

    def after(self, former: "Site") -> "Site":
        """The same site, which takes the place of another."""
        return replace(self, former=former.files)

    def file(self, digest: str, name: str) -> Asset | None:
        """A file that a page names."""
        return self.files.get((digest, name)) or self.former.get((digest, name))


def build_site(
    metadata: Metadata,
    evaluation: Evaluation | None,
    plots: Mapping[str, bytes],
    max_bytes: int,
    feedback_days: int | None = None,
) -> Site:
    """Put the pages together.

    Args:
        metadata: the served model's.
        evaluation: the served model's, if it was measured.
        plots: PNG files that lie beside it, by name.
        max_bytes: size of the largest picture the service accepts.
        feedback_days: for how many days corrections are kept; None where none are taken.
    """
    static = read_folder(STATIC_FOLDER)
    templates = {name: content for name, content in static.items() if name in _PAGES.values()}
    # The modules import one another by name, so they lie in one folder, named by what is in all of them.
    shared = {name: content for name, content in static.items() if name not in templates}
    release, drawn = digest_of(*shared.values()), digest_of(*plots.values())
    # Relative, so that the service also works below a path of another server's.
    values = {
        "static": f"static/{release}",
        "max_bytes": str(max_bytes),
        "feedback_days": "" if feedback_days is None else str(feedback_days),
        "privacy": _PRIVACY if feedback_days is None else _PRIVACY_WITH_FEEDBACK.format(days=feedback_days),
        **about_sections(
            metadata, evaluation, {name: Plot(f"static/{drawn}/{name}", *_size(plot)) for name, plot in plots.items()}
        ),
        **reference_sections(json.loads(INTERFACE.read_bytes())),
    }
    return Site(
        pages={
            path: asset(name, Template(templates[name].decode()).substitute(values).encode())
            for path, name in _PAGES.items()
        },
        files={
            **{(release, name): asset(name, content) for name, content in shared.items()},
            **{(drawn, name): asset(name, content) for name, content in plots.items()},
        },
    )


def _size(png: bytes) -> tuple[int, int]:
    """Width and height as a PNG file's header has them."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
