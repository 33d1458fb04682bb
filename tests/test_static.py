"""What the browser loads is what we say it is, and comes from nowhere else."""

import hashlib
import re

from support import PROJECT

STATIC = PROJECT / "static"


def test_the_vendored_bundle_is_the_one_that_the_readme_names():
    sums = dict(
        reversed(line.split())
        for line in (STATIC / "README.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\s+[0-9a-f]{64}\s", line)
    )
    bundles = sorted(path.name for path in STATIC.glob("plotly-*.js"))
    assert list(sums) == bundles
    for name, digest in sums.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


def test_the_bundle_comes_with_its_licence():
    assert (STATIC / "plotly-LICENSE.txt").read_text(encoding="utf-8").startswith("MIT License")


def test_the_charts_load_the_bundle_that_is_there_and_nothing_from_another_host():
    own = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js") if "plotly" not in path.name}
    (library,) = re.findall(r'LIBRARY = "app/static/([^"]+)"', own["drawing.js"])
    assert (STATIC / library).is_file()
    for script in own.values():
        assert "http" not in script


def test_every_file_is_named_in_the_readme():
    text = (STATIC / "README.md").read_text(encoding="utf-8")
    for path in STATIC.iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in text
