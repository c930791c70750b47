"""The cores a process may use: the machine's, less what cgroups of either version and affinity withhold."""

import os
from pathlib import Path

import pytest

from app.quota import usable_cores

MACHINE = 8
"""Cores the machine has in these tests."""


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MACHINE)), raising=False)


class Machine:
    """Cgroup files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.cgroups = folder / "cgroup"
        self.membership = folder / "membership"

    def belongs(self, *lines: str) -> None:
        """Say which groups the process is in, as /proc/self/cgroup does."""
        self.membership.write_text("".join(f"{line}\n" for line in lines))

    def write(self, path: str, text: str) -> None:
        """Write a file of a group."""
        file = self.cgroups / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def limit_v1(self, group: str, quota: int) -> None:
        """Limit a group of version 1, in microseconds of each 100,000."""
        self.write(f"{group}/cpu.cfs_quota_us", str(quota))
        self.write(f"{group}/cpu.cfs_period_us", "100000")

    def cores(self) -> float:
        """What the process may use."""
        return usable_cores(self.cgroups, self.membership)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without limits."""
    return Machine(tmp_path)


class TestVersion2:
    @pytest.mark.parametrize(
        ("text", "cores"),
        [("200000 100000", 2.0), ("50000 100000", 0.5), ("150000 50000", 3.0), ("max 100000", 8.0), ("", 8.0)],
    )
    def test_limit_of_the_own_group(self, machine: Machine, text: str, cores: float) -> None:
        """The group's quota counts in cores; "max" and an empty file are no limit."""
        machine.belongs("0::/kubepods/pod1")
        machine.write("kubepods/pod1/cpu.max", text)
        assert machine.cores() == cores

    def test_limit_of_an_outer_group(self, machine: Machine) -> None:
        """What limits a group limits those inside it."""
        machine.belongs("0::/outer/middle/inner")
        machine.write("outer/middle/inner/cpu.max", "max 100000")
        machine.write("outer/cpu.max", "150000 100000")
        assert machine.cores() == 1.5

    def test_tightest_of_nested_limits(self, machine: Machine) -> None:
        """The smallest limit on the way up counts, wherever it is; other groups' limits do not."""
        machine.belongs("0::/outer/inner")
        machine.write("outer/inner/cpu.max", "400000 100000")
        machine.write("outer/cpu.max", "300000 100000")
        machine.write("outer/other/cpu.max", "100000 100000")
        machine.write("inner/cpu.max", "100000 100000")
        assert machine.cores() == 3.0

    @pytest.mark.parametrize("path", ["/", "/not/mounted/here", "/../../elsewhere"])
    def test_container_sees_its_group_as_the_root(self, machine: Machine, path: str) -> None:
        """Where the group's own folder is mounted as the root, its limit is found whatever path is told."""
        machine.belongs(f"0::{path}")
        machine.write("cpu.max", "100000 100000")
        assert machine.cores() == 1.0

    def test_more_than_the_machine_has(self, machine: Machine) -> None:
        """A quota above the machine's cores adds none."""
        machine.belongs("0::/")
        machine.write("cpu.max", "6400000 100000")
        assert machine.cores() == MACHINE


class TestVersion1:
    @pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
    @pytest.mark.parametrize(("quota", "cores"), [(-1, 8.0), (50_000, 0.5), (250_000, 2.5), (0, 8.0)])
    def test_limit_of_the_own_group(self, machine: Machine, mount: str, quota: int, cores: float) -> None:
        """The quota counts in cores under either name of the mount; -1 is no limit."""
        machine.belongs("5:memory:/docker/c1", "4:cpu,cpuacct:/docker/c1", "1:name=systemd:/docker/c1")
        machine.limit_v1(f"{mount}/docker/c1", quota)
        assert machine.cores() == cores

    def test_limit_of_an_outer_group(self, machine: Machine) -> None:
        """What limits a group limits those inside it."""
        machine.belongs("4:cpu,cpuacct:/outer/inner")
        machine.limit_v1("cpu,cpuacct/outer/inner", -1)
        machine.limit_v1("cpu,cpuacct/outer", 300_000)
        assert machine.cores() == 3.0

    def test_container_sees_its_group_as_the_root(self, machine: Machine) -> None:
        """Where only the group's own folder is mounted, its limit is found."""
        machine.belongs("4:cpu:/docker/c1")
        machine.limit_v1("cpu", 100_000)
        assert machine.cores() == 1.0

    def test_other_controllers_say_nothing(self, machine: Machine) -> None:
        """Sets of cores and accounting are not the quota."""
        machine.belongs("3:cpuset:/a", "2:cpuacct:/a")
        machine.limit_v1("cpuset/a", 100_000)
        machine.limit_v1("cpuacct/a", 100_000)
        assert machine.cores() == MACHINE

    def test_both_versions_at_once(self, machine: Machine) -> None:
        """On a machine with both, the tighter one counts."""
        machine.belongs("4:cpu:/a", "0::/a")
        machine.limit_v1("cpu/a", 200_000)
        machine.write("a/cpu.max", "max 100000")
        assert machine.cores() == 2.0


class TestWithoutQuota:
    def test_no_cgroups(self, machine: Machine) -> None:
        """A system without cgroups gives all its cores."""
        assert machine.cores() == MACHINE

    def test_groups_without_files(self, machine: Machine) -> None:
        """Groups whose files cannot be seen do not limit."""
        machine.belongs("4:cpu,cpuacct:/a", "0::/a")
        assert machine.cores() == MACHINE

    def test_affinity(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cores the process may not run on do not count, and a tighter quota still does."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5, 7}, raising=False)
        assert machine.cores() == 3.0
        machine.belongs("0::/")
        machine.write("cpu.max", "200000 100000")
        assert machine.cores() == 2.0

    @pytest.mark.parametrize(("known", "cores"), [(4, 4.0), (None, 1.0)])
    def test_system_without_affinity(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, known: int | None, cores: float
    ) -> None:
        """Elsewhere the machine's cores count; one where it does not tell."""
        monkeypatch.delattr(os, "sched_getaffinity")
        monkeypatch.setattr(os, "cpu_count", lambda: known)
        assert machine.cores() == cores

    def test_this_machine(self) -> None:
        """On the machine of the tests it is more than none."""
        assert 0 < usable_cores() <= MACHINE
