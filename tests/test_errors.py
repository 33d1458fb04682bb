"""errors: one tree, and each message is a sentence with the next thing to do."""

from __future__ import annotations

from statarb import errors


def test_every_error_is_one_of_ours():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 8
    assert all(issubclass(kind, errors.StatarbError) for kind in kinds)


def test_the_drawing_of_the_tree_names_every_error():
    assert all(name in (errors.__doc__ or "") for name, kind in vars(errors).items() if isinstance(kind, type))


def test_an_error_says_what_happened_then_what_to_do():
    assert str(errors.ConfigError("No such symbol.", "Try BTCUSDT.")) == "No such symbol. Try BTCUSDT."
    assert str(errors.ConfigError("No such symbol.")) == "No such symbol."
