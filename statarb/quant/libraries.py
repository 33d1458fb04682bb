"""The statistics libraries, which take seconds to load: loaded ahead, and whether they are."""

from __future__ import annotations

import threading

import numpy as np

from statarb.quant.hedge import ols_summary
from statarb.quant.unitroot import adf

_loaded = threading.Event()


def warm_up() -> None:
    """Load the statistics libraries now, in a thread of the caller's choice, instead of at the first summary."""
    values = np.sin(np.arange(60.0))
    ols_summary(values, np.cos(np.arange(60.0)))
    adf(values + 0.1 * np.cos(np.arange(60.0) ** 2))
    _loaded.set()


def is_warm() -> bool:
    """Whether `warm_up` is done, so that nothing has to wait for a library any more."""
    return _loaded.is_set()
