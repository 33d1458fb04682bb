"""One page below the shared sidebar, without a browser, and what it says."""

from streamlit.testing.v1 import AppTest


def _page(name):
    """As app.py puts it together."""
    import importlib
    import inspect

    from statarb.screens.frame import read_instruments
    from statarb.screens.resources import shared_desk
    from statarb.screens.sidebar import show_sidebar

    desk = shared_desk()
    params = show_sidebar(read_instruments(desk))
    show = getattr(importlib.import_module(f"statarb.screens.{name}_page"), f"show_{name}_page")
    show(*(desk, params)[: len(inspect.signature(show).parameters)])


def page(name, **query):
    at = AppTest.from_function(_page, default_timeout=60, args=(name,))
    at.query_params.update(query)
    return at.run()


def words(at):
    """All that the page says."""
    parts = [*at.title, *at.header, *at.markdown, *at.caption, *at.warning, *at.info, *at.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def toasts(at):
    """What it says for some seconds."""
    return "\n".join(toast.value for toast in at.toast).replace("\\", "")


def metrics(at):
    return {metric.label: metric.value for metric in at.metric}


def ran_well(at):
    return not at.exception and not at.error
