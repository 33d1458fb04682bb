"""What is made of a study only when somebody looks at it: once for all sessions, and gone with the study."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from statarb.quant import PairStudy

Made = TypeVar("Made")

_lock = threading.RLock()
_made: WeakKeyDictionary[PairStudy, dict[str, Any]] = WeakKeyDictionary()


def once(study: PairStudy, name: str, make: Callable[[], Made]) -> Made:
    """What `make` gives for this study, made when it is first asked for; a second session waits for the same answer."""
    with _lock:
        held = _made.setdefault(study, {})
        if name not in held:
            held[name] = make()
        return held[name]  # type: ignore[no-any-return]
