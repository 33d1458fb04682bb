"""A viewer without a browser: speaks Streamlit's WebSocket protocol and asks for each fragment when it is due."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Session(threading.Thread):
    """One viewer of a page, as a thread; `latencies_ms` holds how long each run of the fastest fragment took.

    Like a browser it acknowledges what a component was sent, and it asks again only when the last answer is complete.
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="session", daemon=True)
        self.latencies_ms: list[float] = []
        self.received_bytes = 0
        self._url = url
        self._halt = threading.Event()
        self._state = BackMsg()
        self._state.rerun_script.context_info.timezone = "UTC"
        self._state.rerun_script.context_info.url = f"{url}/"
        self._intervals_s: dict[str, float] = {}

    def stop(self) -> None:
        self._halt.set()
        self.join(20)

    def run(self) -> None:
        address = self._url.replace("http://", "ws://") + "/_stcore/stream"
        connection = websocket.create_connection(address, subprotocols=["streamlit"], timeout=120)
        with contextlib.closing(connection):
            self._ask(connection, "")
            due_s = {fragment: time.monotonic() + wait for fragment, wait in self._intervals_s.items()}
            while due_s and not self._halt.wait(max(0.0, min(due_s.values()) - time.monotonic())):
                fragment = min(due_s, key=lambda name: due_s[name])
                interval_s = self._intervals_s[fragment]
                took_ms = self._ask(connection, fragment)
                if interval_s == min(self._intervals_s.values()):
                    self.latencies_ms.append(took_ms)
                due_s[fragment] = max(due_s[fragment] + interval_s, time.monotonic())

    def _ask(self, connection: websocket.WebSocket, fragment: str) -> float:
        """Run the page, or one fragment of it; milliseconds until its answer was complete."""
        self._state.rerun_script.fragment_id = fragment
        self._state.rerun_script.is_auto_rerun = bool(fragment)
        began_s = time.perf_counter()
        connection.send_binary(self._state.SerializeToString())
        while self._hear(connection) != "script_finished":
            pass
        return (time.perf_counter() - began_s) * 1000

    def _hear(self, connection: websocket.WebSocket) -> str:
        data = connection.recv()
        self.received_bytes += len(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._state.rerun_script.page_script_hash = message.new_session.page_script_hash
        elif kind == "auto_rerun":
            self._intervals_s[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "delta":
            self._acknowledge(message.delta.new_element)
        return str(kind)

    def _acknowledge(self, element: Element) -> None:
        """Say what a component of ours would say once it has drawn: the revision that it holds."""
        if element.WhichOneof("type") != "bidi_component":
            return
        component = element.bidi_component
        (held,) = json.loads(component.json or component.mixed.json)
        if "rev" not in held:
            return
        widgets = self._state.rerun_script.widget_states.widgets
        state = next((one for one in widgets if one.id == component.id), None) or widgets.add(id=component.id)
        state.json_value = json.dumps({"ack": held["rev"]})
