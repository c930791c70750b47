"""How many cores this process may use: what the machine has, less what cgroups and affinity withhold.

Containers limit time, not cores: `os.cpu_count()` tells of the whole machine there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")

_V1_CONTROLLER: Final = "cpu"


def usable_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> float:
    """Cores' worth of processor time, more than 0; 0.5 is half a core.

    Args:
        cgroups: where the cgroup file systems are mounted, of version 1, 2, or both.
        membership: the file that names this process's groups, as cgroups(7) describes it.
    """
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return min([cores, *_quotas(cgroups, membership)])


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """The limits of this process's group and of all groups around it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from filter(None, map(_quota_v2, _upwards(cgroups, path)))
        elif _V1_CONTROLLER in controllers.split(","):
            for mount in (controllers, _V1_CONTROLLER):
                yield from filter(None, map(_quota_v1, _upwards(cgroups / mount, path)))


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """A group's folder and those around it; in a container the root may be the group itself."""
    parts = Path(path).parts[1:]
    for length in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:length])


def _quota_v2(group: Path) -> float | None:
    quota, _, period = _read(group / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _quota_v1(group: Path) -> float | None:
    return _ratio(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    """None where there is no limit: "max" in version 2, -1 in version 1, or no such file."""
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(quota) and int(period) else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
