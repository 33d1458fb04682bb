"""Control messages: what they do and Binance's words in reply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.exchange.control import Refused, Subscriptions


def subscriptions(target: str = "/stream") -> Subscriptions:
    return Subscriptions.from_target(target, 1024)


def reply(to: Subscriptions, request: object) -> dict:
    text = request if isinstance(request, str) else json.dumps(request)
    return json.loads(to.reply(text.encode()))


def test_subscribe_unsubscribe_and_list():
    wants = subscriptions()
    both = ["btcusdt@trade", "ethusdt@trade"]
    assert reply(wants, {"method": "SUBSCRIBE", "params": both, "id": 1}) == {"result": None, "id": 1}
    assert reply(wants, {"method": "SUBSCRIBE", "params": both[:1] * 2, "id": "again-1"})["id"] == "again-1"
    assert reply(wants, {"method": "LIST_SUBSCRIPTIONS", "id": None}) == {"result": both, "id": None}
    assert reply(wants, {"method": "UNSUBSCRIBE", "params": both[:1], "id": 312}) == {"result": None, "id": 312}
    assert wants.streams == {"ethusdt@trade"}


def test_the_path_decides_if_frames_are_combined_and_a_property_flips_it():
    assert subscriptions("/stream").combined is True
    wants = subscriptions("/ws")
    assert reply(wants, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}) == {"result": False, "id": 2}
    flip = {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}
    assert reply(wants, flip) == {"result": None, "id": 5}
    assert wants.combined is True


@pytest.mark.parametrize(
    ("target", "streams", "combined"),
    [
        ("/ws", set(), False),
        ("/ws/0", {"0"}, False),
        ("/ws/btcusdt@trade/ethusdt@trade", {"btcusdt@trade", "ethusdt@trade"}, False),
        ("/ws/btcusdt%40trade", {"btcusdt@trade"}, False),
        ("/stream", set(), True),
        ("/stream?streams=btcusdt@trade/ethusdt@aggTrade", {"btcusdt@trade", "ethusdt@aggTrade"}, True),
        ("/stream?streams=btcusdt@trade&timeUnit=MICROSECOND", {"btcusdt@trade"}, True),
        ("/public/ws/btcusdt@trade", {"btcusdt@trade"}, False),
        ("/market/stream?streams=btcusdt@trade", {"btcusdt@trade"}, True),
        ("//stream?streams=", set(), True),
    ],
)
def test_paths_under_which_a_client_may_connect(target, streams, combined):
    wants = subscriptions(target)
    assert (wants.streams, wants.combined) == (streams, combined)
    assert wants.in_microseconds is ("MICRO" in target)


@pytest.mark.parametrize(
    "target", ["/", "/api", "//[", "/stream?timeUnit=day", "/ws/" + "/".join(f"s{k}@trade" for k in range(1025))]
)
def test_paths_that_are_refused(target):
    with pytest.raises(Refused):
        subscriptions(target)


def asked(method: str, params: object, request_id: object = 7) -> dict:
    return {"method": method, "params": params, "id": request_id}


MANY = [f"s{k}@trade" for k in range(1025)]
BAD_ID = "request ID must be an unsigned integer"
UNKNOWN = (
    "unknown variant `SUBSCRIBES`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "
    "`SET_PROPERTY`, `GET_PROPERTY` at line 1 column 22"
)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("SET_PROPERTY", [3, True]), "property name must be a string"),
        (asked("GET_PROPERTY", ["combined", 1]), "too many parameters"),
        (asked("SUBSCRIBE", ["a@trade"], 1.5), BAD_ID),
        (asked("SUBSCRIBE", ["a@trade"], True), BAD_ID),
        (asked("SUBSCRIBE", ["a@trade"], "x" * 37), BAD_ID),
        (asked("SUBSCRIBE", MANY), "too many parameters"),
        ('{"method":"SUBSCRIBE","id":1}', "missing field `params` at line 1 column 29"),
        ('{"id":1}', "missing field `method` at line 1 column 8"),
        ("[]", "missing field `method` at line 1 column 2"),
        ('{"method":"SUBSCRIBES","params":[],"id":1}', UNKNOWN),
    ],
)
def test_an_invalid_request_gets_the_documented_error_and_changes_nothing(request_, words):
    wants = subscriptions("/stream?streams=btcusdt@trade")
    assert reply(wants, request_) == {"code": 2, "msg": f"Invalid request: {words}"}
    assert (wants.streams, wants.combined) == ({"btcusdt@trade"}, True)


NOT_BOOLEAN = {"code": 1, "msg": "Invalid value type: expected Boolean"}
NO_PROPERTY = {"code": 0, "msg": "Unknown property", "id": 7}
NO_STREAM = {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 7}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (asked("SET_PROPERTY", ["other", True]), NO_PROPERTY),
        (asked("GET_PROPERTY", ["other"]), NO_PROPERTY),
        (asked("SET_PROPERTY", ["combined", 1]), NOT_BOOLEAN),
        (asked("SET_PROPERTY", ["combined"]), NOT_BOOLEAN),
        (asked("SUBSCRIBE", ["nonsense"]), NO_STREAM),
        (asked("UNSUBSCRIBE", [5]), NO_STREAM),
        ("{nonsense", {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 2"}),
        ("[" * 100_000, {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_other_errors_have_the_documented_codes_and_shapes(request_, answer):
    wants = subscriptions("/stream?streams=btcusdt@trade")
    assert reply(wants, request_) == answer
    assert (wants.streams, wants.combined) == ({"btcusdt@trade"}, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["method", "params", "id"]), inner),
)
REQUESTS = st.fixed_dictionaries(
    {}, optional={"method": st.sampled_from(["SUBSCRIBE", "SET_PROPERTY"]) | JSON, "params": JSON, "id": JSON}
)


@given(st.binary() | (JSON | REQUESTS).map(lambda value: json.dumps(value).encode()))
def test_any_bytes_get_one_json_object_in_reply(message):
    assert isinstance(json.loads(subscriptions().reply(message)), dict)
