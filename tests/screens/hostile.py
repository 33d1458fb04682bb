"""What nobody kind would write: texts, links, files, and a desk whose database and own file are full of them."""

import ast
import gzip
import io
import random
import string
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from desk_database import DeskDatabase
from support import PRODUCT
from test_screens_alerts import event

from statarb.alerts import AlertRule, Condition, Target
from statarb.params import KNOB, PairParams
from statarb.pins import Fill, Pin, PinExit
from statarb.settings import desk_path
from statarb.store import Delivery, DeskFile, StoredOutcome
from statarb.store.alert_log import store_alerts

BAD = (
    "<script>window.ran=1</script>", "<img src=x onerror=window.ran=1>", "[a](javascript:window.ran=1)", "{{7*7}}",
    "'; DROP TABLE trades; --", "../../../etc/passwd", "..\\..\\x", "%00", "\x00", "\u202eTDSU", "=HYPERLINK(\"x\")",
    "nan", "inf", "-inf", "1e400", "-1", "٣", "9" * 400, "A" * 5_000, "", " ", "\n# h", "$x^2$", ":red[x]",
    ":material/bolt:", "http://evil.example", "file:///etc/passwd", "true", "null", "[]", "{}", "0x10", "1_000", "½",
    "\"><svg onload=window.ran=1>", "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "javascript:window.ran=1", "<a href=javascript:window.ran=1>a</a>", "![i](http://evil.example/i.png)",
    "$\\href{javascript:window.ran=1}{x}$", "<http://evil.example>", "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-02-30", "1,2", "</style><style>@import url(http://evil.example)</style>", "`x` **b** ~~s~~ | a | b |",
)  # fmt: skip
"""The classics; those that run set `window.ran`."""
SYMBOLS = ("$HREF{X}$", "[A](B)", "**B**", "`C`", "{{7*7}}", "=1+1", "\u202eTDSU", ".._..", "½")
"""Symbols as no exchange has them, in characters that the desk lets through."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def hostile(rng) -> str:
    """One of the classics, a random text, or a classic inside one."""
    noise = "".join(rng.choice(string.printable + "€\u2028\ud7ff\U0001f4a5") for _ in range(rng.randrange(1, 30)))
    return rng.choice((rng.choice(BAD), noise, noise + rng.choice(BAD) + noise))


def linked_names() -> list[str]:
    """Every name in an address that some page reads: the knobs, the widgets bound to it, and what scripts look for."""
    calls = [
        {word.arg: word.value for word in node.keywords}
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]
    bound = {words["key"].value for words in calls if "bind" in words and isinstance(words["key"], ast.Constant)}
    return sorted({*KNOB, *bound, "alert", "from", "to", "tz", "span_bars", "unknown"})


LINKED = linked_names()


def hostile_link(rng) -> dict[str, str]:
    return {rng.choice(LINKED): hostile(rng) for _ in range(rng.randrange(1, 8))}


def hostile_file(rng) -> bytes:
    """Ninety bars, with hostile names, cells and rows among them, at times a huge one; often packed, often damaged."""
    rows = [["time", "open", "high", "low", "close", "volume"]]
    rows += [[f"2024-01-01 {i // 60:02d}:{i % 60:02d}", "10", "11", "9", f"10.{i:02d}", "5"] for i in range(90)]
    for _ in range(rng.randrange(9)):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice((hostile(rng), rng.choice(BAD), f'"{hostile(rng)}"'))
    if rng.random() < 0.1:
        rng.choice(rows)[0] = "x" * 140_000
    separator, end = rng.choice(",,;\t|"), rng.choice(("\n", "\r\n", "\r"))
    text = end.join(separator.join(row) for row in rows)
    data = text.encode(rng.choice(("utf-8", "utf-16", "utf-8-sig")), "surrogatepass")
    packing = rng.choice(("plain", "plain", "gzip", "zip"))
    if packing == "gzip":
        data = gzip.compress(data, 1)
    if packing == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", rng.choice(METHODS)) as archive:
            archive.writestr(f"../{hostile(rng)}.csv", data)
        data = file.getvalue()
    if rng.random() < 0.3:
        damaged = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        data = bytes(damaged[: rng.randrange(1, 2 * len(damaged))])
    return data


def hostile_desk(path: Path) -> DeskDatabase:
    """A desk that lives, with hostile symbols, rules, targets, pins, notes, alerts, deliveries and refusals."""
    path.parent.mkdir(parents=True)
    database = DeskDatabase(path, names=("BTCUSDT", "ETHUSDT", *SYMBOLS))
    database.fresh_trades()
    file, now_ms = DeskFile(desk_path(path)), time.time_ns() // 1_000_000
    texts = [text for text in BAD if text.strip()]
    for text in texts:
        file.save_rule(AlertRule(text, (Condition("abs_z", "above", 2.0),), PairParams(y="spot:[A](B)")))
    for text in texts[:4]:
        file.save_target(Target(text, "json://127.0.0.1:9/hook"))
    pin = Pin(PairParams(), now_ms - 9_000_000, -2.0, 0.9, 0.0, 1e-3, now_ms, 240, 3.0, -0.2, Fill(3e3), Fill(6e4))
    for text in texts:
        ended = None if len(text) % 8 == 0 else PinExit(now_ms, pin.y, pin.x, None)
        y = random.Random(text).choice(("spot:ETHUSDT", "spot:[A](B)", "spot:{{7*7}}"))
        file.save_pin(replace(pin, note=text, params=PairParams(y=y), exit=ended))
    for number, text in enumerate(texts, 1):
        alert = event(
            now_ms - 10_000_000 + number, made_at_ms=now_ms, origin=f"rule:{number}", name=text, text=text, reason=text,
            link=text, y=text if number % 2 else "spot:ETHUSDT", timeframe=text,
        )  # fmt: skip
        states = Delivery("event", number, 1, text, "failed", 3, text, now_ms), StoredOutcome(number, 1, *(1.0,) * 4, 9)
        store_alerts(database._connection, [alert, *states])
        file.mark_alert(number, alert.at_ms, note=text)
        database.execute("INSERT INTO rejects VALUES(?,?,?)", now_ms + number, text, text)
    problems = {f"rule:{number}": text for number, text in enumerate(texts, 1)}
    database.heartbeat(
        alerts={"rules": 2, "problems": problems, "error": texts[1]}, refused=dict(zip(texts, texts, strict=True))
    )
    return database
