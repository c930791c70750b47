"""All that is fuzzed, by name."""

from typing import Final

from tests.fuzz import artifacts, bodies, connections, picture_files
from tests.fuzz.cases import Target

TARGETS: Final[dict[str, Target]] = {
    **picture_files.TARGETS,
    **bodies.TARGETS,
    **connections.TARGETS,
    **artifacts.TARGETS,
}
