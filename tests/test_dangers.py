"""Nothing in the product evaluates text, unpickles, opens a shell, writes raw HTML or trusts any certificate."""

from __future__ import annotations

import ast

import pytest
from support import BENCH, PRODUCT, path_id

DANGEROUS_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
DANGEROUS_FUNCTIONS = {"eval", "exec", "compile", "__import__"}
DANGEROUS_METHODS = {"system", "popen", "read_pickle", "to_pickle"}
DANGEROUS_KEYWORDS = {
    ("shell", True), ("verify", False), ("allow_pickle", True),
    ("unsafe_allow_html", True), ("unsafe_allow_javascript", True),
}  # fmt: skip


def imported(tree: ast.AST) -> list[str]:
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return plain + [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def dangers(tree: ast.AST) -> list[str]:
    """What must not be in the product: pickles, evaluation of text, shells, raw HTML, unchecked certificates."""
    found = [name for name in imported(tree) if name.partition(".")[0] in DANGEROUS_MODULES]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        target = ast.unparse(call.func)
        method = target.rpartition(".")[2]
        if target in DANGEROUS_FUNCTIONS or ("." in target and method in DANGEROUS_METHODS) or target == "yaml.load":
            found.append(f"line {call.lineno}: {target}(")
        values = ((word.arg, word.value.value) for word in call.keywords if isinstance(word.value, ast.Constant))
        found += [
            f"line {call.lineno}: {name}={value}" for name, value in values if (name, value) in DANGEROUS_KEYWORDS
        ]
    return found


@pytest.mark.parametrize("path", [*PRODUCT, *BENCH], ids=path_id)
def test_nothing_dangerous_is_called(path):
    assert dangers(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "eval('1')", "exec(text)", "yaml.load(text)",
        "pd.read_pickle(path)", "os.system('ls')", "subprocess.run('ls', shell=True)",
        "requests.get(url, verify=False)", "st.markdown(text, unsafe_allow_html=True)",
    ],
)  # fmt: skip
def test_a_danger_is_noticed(source):
    assert dangers(ast.parse(source))


def test_a_compiled_pattern_and_a_method_called_eval_are_no_danger():
    assert dangers(ast.parse("re.compile('x'); model.eval()")) == []
