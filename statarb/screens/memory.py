"""Memory that many viewers have used goes back to the system once they have left."""

from __future__ import annotations

import ctypes
import gc

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_LARGE_BYTES = 64 * 1024
_ARENAS = 2


def keep_memory_small() -> None:
    """Tell glibc's allocator to keep large blocks apart and few heaps; call it before other threads are there.

    By default it learns from the first whole figure, of some 100 kB, to cut such blocks out of its heaps, and it opens
    a heap for almost every thread; the few blocks that live on then hold the rest. Other C libraries have no such
    settings.
    """
    _call_glibc("mallopt", _M_MMAP_THRESHOLD, _LARGE_BYTES)
    _call_glibc("mallopt", _M_ARENA_MAX, _ARENAS)


def freeze() -> None:
    """Collect once more, and leave alone what lives until the end: the libraries."""
    gc.collect()
    gc.freeze()


def collect() -> None:
    """Collect garbage, and give the system the pages that are free."""
    gc.collect()
    _call_glibc("malloc_trim", 0)


def young_collections() -> int:
    """How often Python has collected young objects by itself, which it does the more often the more are made."""
    return int(gc.get_stats()[0]["collections"])


def _call_glibc(name: str, *values: int) -> None:
    """A function of the C library, or nothing where it has none of this name."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # macOS and musl, and Windows, which cannot open "this process"
        return
    function(*values)
