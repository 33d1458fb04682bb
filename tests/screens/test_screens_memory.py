"""Memory goes back to the system where the C library has the means, and nothing breaks where it has not."""

import ctypes
import gc
import weakref

import pytest

from statarb.screens import memory


class Node:
    """Something that can lie in a cycle and be watched."""


def cycle():
    node = Node()
    node.itself = node
    return weakref.ref(node)


class Library:
    """A C library that notes what it is asked."""

    def __init__(self):
        self.asked = []

    def mallopt(self, *values):
        self.asked.append(("mallopt", *values))

    def malloc_trim(self, *values):
        self.asked.append(("malloc_trim", *values))


def test_a_collection_frees_cycles_and_then_gives_free_pages_back(monkeypatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    node = cycle()
    memory.collect()
    assert node() is None
    assert library.asked == [("malloc_trim", 0)]


def test_the_allocator_is_told_the_size_of_a_large_block_and_how_many_heaps(monkeypatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    memory.keep_memory_small()
    assert library.asked == [("mallopt", -3, 64 * 1024), ("mallopt", -8, 2)]


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_a_system_whose_c_library_cannot_be_opened_collects_all_the_same(monkeypatch, error):
    def fails(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fails)
    node = cycle()
    memory.keep_memory_small()
    memory.collect()
    assert node() is None


def test_a_c_library_without_these_functions_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    node = cycle()
    memory.keep_memory_small()
    memory.collect()
    assert node() is None


def test_what_is_frozen_is_out_of_every_later_collection():
    before = gc.get_freeze_count()
    try:
        memory.freeze()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
