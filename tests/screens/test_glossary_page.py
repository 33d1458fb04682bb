"""The glossary explains every number, from one text, and docs/methods.md has a section for each."""

import re

from streamlit.testing.v1 import AppTest
from support import PROJECT

import analytics
from statarb.quant.sample import SAME_ASSET_R2
from statarb.screens.glossary_page import matching
from statarb.screens.glossary_text import GLOSSARY, tip

METHODS = (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8")
SECTIONS = {name for line in re.findall(r"^### (.+)$", METHODS, re.M) for name in re.findall(r"`(\w+)`", line)}


def glossary(**query):
    def page():
        from statarb.screens.glossary_page import show_glossary_page

        show_glossary_page()

    at = AppTest.from_function(page, default_timeout=30)
    at.query_params.update(query)
    return at.run()


def words(at):
    return "\n".join(str(part.value) for part in (*at.title, *at.header, *at.markdown, *at.caption)).replace("\\", "")


def test_each_term_names_functions_that_exist_and_have_their_section():
    for key, term in GLOSSARY.items():
        assert set(term.methods) <= set(analytics.__all__), key
        assert set(term.methods) <= SECTIONS, key


def test_names_are_unique_and_tips_say_how_it_is_made_and_read():
    names = [term.name for term in GLOSSARY.values()]
    assert len(set(names)) == len(names)
    for key, term in GLOSSARY.items():
        assert term.formula, key
        assert term.reading, key
        assert all(part in tip(key) for part in (term.formula, term.reading, term.caveat))


def test_a_search_keeps_the_terms_that_hold_every_word_names_first():
    assert len(matching("")) == len(GLOSSARY)
    found = [term.name for term in matching("Half-Life")]
    assert found[0] == "Half-life"
    assert [term.name for term in matching("funding rate")] == ["Funding"]
    assert matching("no such thing") == []


def test_the_page_shows_all_terms_and_a_link_finds_some():
    at = glossary()
    assert not at.exception
    said = words(at)
    for term in GLOSSARY.values():
        assert term.name in said
    found = words(glossary(find="kalman"))
    assert "Kalman β and its band" in found
    assert "Sharpe" not in found


def test_a_search_without_a_result_says_so_and_shows_the_words_as_they_are():
    at = glossary(find="<img src=x>")
    assert not at.exception
    assert "No term holds “<img src=x>”" in words(at)
    assert "\\<img" in at.markdown[0].value


def test_what_makes_two_legs_one_asset_is_told_with_its_limit():
    assert f"R² above {SAME_ASSET_R2:g}" in tip("verdict")
