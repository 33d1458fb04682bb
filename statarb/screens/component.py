"""A piece of the page that a module of `static/` draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from statarb.settings import PROJECT

# This text goes over the wire with every message, so it only fetches the rest; the digest is there for caches.
_LOADER = """
const script = new URL("app/static/SCRIPT?DIGEST", document.baseURI).href;
export default function (component) {
  let end = () => {};
  const mounted = import(script).then((module) => { end = module.mount({ ...component, data: component.data[0] }); });
  return () => mounted.then(() => end());
}
"""


def chart_component(name: str, script: str, waiting: str = "") -> Callable[..., Any]:
    """The Streamlit component `name`, whose `mount` is exported by `static/<script>`; `waiting` stands there until it
    has drawn.

    It is called with `key`, `data` (a mapping that JSON can hold), `height` and the callbacks of its state.
    """
    modules = sorted((PROJECT / "static").glob("*.js"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()[:12]
    loading = f'<p class="statarb-loading">{waiting}</p>' if waiting else ""
    component = st.components.v2.component(
        name,
        html=f'<div class="statarb-place">\n{loading}</div>',
        js=_LOADER.replace("SCRIPT", script).replace("DIGEST", digest),
        isolate_styles=False,
    )

    def show(*, data: Mapping[str, Any], **options: Any) -> Any:
        # In a list: the values of a mapping would each be searched for tables, which takes longer than to send them.
        return component(data=[data], **options)

    return show
