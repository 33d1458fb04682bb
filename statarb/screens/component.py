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


def chart_component(name: str, script: str) -> Any:
    """The Streamlit component `name`, whose `mount` is exported by `static/<script>`."""
    modules = sorted((PROJECT / "static").glob("*.js"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()[:12]
    return st.components.v2.component(
        name,
        html='<div class="statarb-place">\n</div>',
        js=_LOADER.replace("SCRIPT", script).replace("DIGEST", digest),
        isolate_styles=False,
    )
