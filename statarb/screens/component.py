"""A piece of the page that a module of `static/` draws."""

from __future__ import annotations

import hashlib
from typing import Any

import streamlit as st

from statarb.settings import PROJECT

# This text goes over the wire with every message, so it only fetches the rest; the digest is there for caches.
_LOADER = """
const script = new URL("app/static/SCRIPT?DIGEST", document.baseURI).href;
export default function (component) {
  let end = () => {};
  const mounted = import(script).then((module) => { end = module.mount(component); });
  return () => mounted.then(() => end());
}
"""


def chart_component(name: str, script: str, waiting: str = "") -> Any:
    """The Streamlit component `name`, whose `mount` is exported by `static/<script>`; `waiting` stands there until it
    has drawn."""
    modules = sorted((PROJECT / "static").glob("*.js"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()[:12]
    loading = f'<p class="statarb-loading">{waiting}</p>' if waiting else ""
    return st.components.v2.component(
        name,
        html=f'<div class="statarb-place">\n{loading}</div>',
        js=_LOADER.replace("SCRIPT", script).replace("DIGEST", digest),
        isolate_styles=False,
    )
