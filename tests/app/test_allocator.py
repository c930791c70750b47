"""What requests no longer need goes back to the system."""

import ctypes
import subprocess
import sys
import textwrap
import threading

import pytest

from app import allocator
from app.allocator import share_arena, trimmed_memory

needs_glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")

MB = 2**20


def grown(block: str) -> int:
    """By how many bytes a process grows that runs this."""
    code = """
        import ctypes, threading, time
        from pathlib import Path
        from app.allocator import share_arena, trimmed_memory

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p

        def take(size):
            address = libc.malloc(ctypes.c_size_t(size))
            ctypes.memset(ctypes.c_void_p(address), 1, size)
            return address

        def taken():
            return 1024 * int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0])

        def leave_holes():
            # Pieces of 64 KiB, below what is mapped for itself, between small ones that stay.
            pieces = [(take(2**16), take(64)) for _ in range(800)]
            for piece, _ in pieces:
                libc.free(ctypes.c_void_p(piece))

        def in_thread(work):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        before = taken()
    """
    after = "print(taken() - before)"
    program = "\n".join((textwrap.dedent(code), textwrap.dedent(block), after))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)


@needs_glibc
def test_holes_are_given_back() -> None:
    """Of 50 MB that were used and are not needed, nearly all goes back, whichever thread had taken it."""
    for work in ("leave_holes()", "in_thread(leave_holes)"):
        assert grown(work) > 40 * MB
        assert grown(f"with trimmed_memory(0.05):\n    {work}\n    time.sleep(0.5)") < 10 * MB


@needs_glibc
def test_threads_share_one_arena() -> None:
    """What one thread has left, the next one uses, also while both are there."""
    threads = """
        def both():
            done = threading.Barrier(5)
            def work():
                leave_holes()
                done.wait()
            for _ in range(4):
                threading.Thread(target=work).start()
                time.sleep(0.2)
            done.wait()
    """
    assert grown(f"{textwrap.dedent(threads)}\nboth()") > 160 * MB
    assert grown(f"{textwrap.dedent(threads)}\nshare_arena()\nboth()") < 80 * MB


def test_ends_with_the_block() -> None:
    """No thread is left behind, however long it would have waited."""
    before = threading.active_count()
    with trimmed_memory(3600):
        pass
    assert threading.active_count() == before


def test_another_libc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no malloc_trim, or no libc that can be asked, nothing is done."""
    monkeypatch.setattr(allocator, "_LIBC", None)
    share_arena()
    before = threading.active_count()
    with trimmed_memory():
        assert threading.active_count() == before
