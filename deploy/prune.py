"""Takes out of an environment what the service never loads: `python prune.py ENVIRONMENT`. The Dockerfile runs it.

tests/system/test_image.py runs the service in an environment that was pruned. What is left is printed, by package.
"""

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

UNUSED: Final = {
    "LiteRT's GPU backend": ("ai_edge_litert/libLiteRtWebGpuAccelerator.so",),
    "LiteRT's compilers for phones' NPUs": ("ai_edge_litert/aot", "ai_edge_litert/tools", "ai_edge_litert/vendors"),
    "what describes and changes models, and the packages that only this needs; the interpreter reads them itself": (
        "ai_edge_litert/*_pb2.py",
        "ai_edge_litert/schema_py_generated.py",
        "google",
        "protobuf-*",
        "flatbuffers*",
        "backports*",
    ),
    "tensors in bfloat16 and smaller, of LiteRT's other interface": ("ml_dtypes*",),
    "what builds extensions of NumPy": ("numpy/distutils", "numpy/f2py", "numpy/_core/include", "numpy/**/*.a"),
    "the packages' own tests": (
        "**/tests",
        "alembic/testing",
        "numpy/_core/_*_tests.*.so",
        "numpy/_core/_simd.*.so",
        "sqlalchemy/testing",
    ),
    "Pillow's fonts": ("PIL/_imagingft.*.so",),
    "databases that keep no corrections": (
        "sqlalchemy/dialects/mssql",
        "sqlalchemy/dialects/mysql",
        "sqlalchemy/dialects/oracle",
    ),
    "type stubs, and what extensions were made from": ("**/*.pyi", "**/*.pyx", "**/*.pxd"),
}
"""What is removed, by what it is for; patterns below the folder of the packages."""

STRIPPED: Final = ("ai_edge_litert", "httptools", "sqlalchemy", "uvloop")
"""Packages whose libraries lose their symbol tables. Those that auditwheel has rewritten, which have a folder *.libs,
do not survive that."""

HOLLOWED: Final = {
    "FFmpeg and, with it, OpenSSL 1.1: the service reads no videos": (
        "libavcodec-*",
        "libavformat-*",
        "libavutil-*",
        "libswscale-*",
    ),
    "AVIF: Pillow reads pictures": ("libavif-*",),
}
"""Libraries that OpenCV is linked against and does not load without, but never calls here. An empty one of the same
name takes the place of each: its functions are at address 0, so that a call would end the process at once."""


def take_away(packages: Path) -> None:
    """Remove what is unused."""
    for pattern in (pattern for patterns in UNUSED.values() for pattern in patterns):
        found = list(packages.glob(pattern))
        if not found:
            sys.stderr.write(f"Nothing to prune matches {pattern}\n")
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def strip(packages: Path) -> None:
    """Take the symbol tables away, which only debuggers read."""
    for library in [file for name in STRIPPED for file in (packages / name).rglob("*.so")]:
        # Never in place: the file may be the very one that an installer keeps for other environments.
        stripped = library.with_suffix(".stripped")
        _run("strip", "--strip-unneeded", "-o", stripped, library)
        stripped.replace(library)


def hollow_out(packages: Path) -> None:
    """Put empty libraries in the place of those that OpenCV never calls."""
    [opencv] = (packages / "cv2").glob("cv2*.so")
    needed = {name.partition("@")[0] for name in _symbols("--undefined-only", opencv)}
    for pattern in (pattern for patterns in HOLLOWED.values() for pattern in patterns):
        for library in (packages / "opencv_python_headless.libs").glob(pattern):
            offered = [name.partition("@") for name in _symbols("--defined-only", library)]
            versions = {version.strip("@") for _, _, version in offered if version}
            names = sorted({name for name, _, _ in offered} & needed)
            with tempfile.TemporaryDirectory() as folder:
                nothing, script = Path(folder, "nothing.o"), Path(folder, "versions")
                _run("as", "-o", nothing, "/dev/null")
                script.write_text("".join(f"{version} {{ *; }};\n" for version in versions))
                options = [f"--version-script={script}"] if versions else []
                options += [f"--defsym={name}=0" for name in names]
                library.unlink()
                _run("ld", "-shared", f"--soname={library.name}", *options, "-o", library, nothing)


def take_orphans_away(packages: Path) -> None:
    """Remove the libraries in wheels that no module leads to any more."""
    needed = {library: _needed(library) for library in packages.rglob("*.so*")}
    bundled = {library for library in needed if library.parent.suffix == ".libs"}
    reached = needed.keys() - bundled
    while more := {one for one in bundled - reached if any(one.name in needed[library] for library in reached)}:
        reached |= more
    for orphan in bundled - reached:
        orphan.unlink()


def _needed(library: Path) -> set[str]:
    """The names of the libraries that one is linked against."""
    words = [line.split() for line in _run("objdump", "--private-headers", library).splitlines()]
    return {line[1] for line in words if line[:1] == ["NEEDED"]}


def _symbols(which: str, library: Path) -> list[str]:
    """The names of dynamic symbols, with `@VERSION` behind them where they have one."""
    return [line.split()[0] for line in _run("nm", "--dynamic", "--portability", which, library).splitlines()]


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  # binutils


def sizes(packages: Path) -> Counter[str]:
    """Bytes by what lies in the folder of the packages."""
    found: Counter[str] = Counter()
    for path in packages.rglob("*"):
        if path.is_file():
            found[path.relative_to(packages).parts[0].removesuffix(".libs")] += path.stat().st_size
    return found


def main() -> None:
    """Prune the environment that is named."""
    [packages] = Path(sys.argv[1]).glob("lib/python3*/site-packages")
    before = sizes(packages)
    take_away(packages)
    if sys.platform == "linux" and all(map(shutil.which, ("as", "ld", "nm", "objdump", "strip"))):
        strip(packages)
        hollow_out(packages)
        take_orphans_away(packages)
    else:
        sys.stderr.write("No binutils of Linux: libraries stay as they are, and the environment some 70 MB larger.\n")
    after = sizes(packages)
    for name, size in before.most_common(12):
        sys.stdout.write(f"{name:24} {size / 1e6:7.1f} MB {after[name] / 1e6:7.1f} MB left\n")
    sys.stdout.write(f"{'all packages':24} {before.total() / 1e6:7.1f} MB {after.total() / 1e6:7.1f} MB left\n")


if __name__ == "__main__":
    main()
