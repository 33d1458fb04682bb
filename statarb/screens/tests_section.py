"""The tests: those that decide the verdict, and further ones on request, each with its null hypothesis in words."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from statarb.quant import (
    BounceNoise,
    CointegrationResult,
    Hurst,
    Integration,
    JohansenResult,
    NotEnough,
    PairStudy,
    ReversionTests,
    UnitRootResult,
    VarianceRatio,
)
from statarb.quant.cointegration import LEVEL
from statarb.screens.glossary_text import tip, title
from statarb.screens.on_request import requested
from statarb.screens.stat import show_rows, show_table, show_terms, show_wait
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, escape, number_text
from statarb.screens.zone import current_zone

WANDERS = "it wanders"
STAYS = "it stays around one mean"
_MORE_TERMS = (
    "phillips_ouliaris", "johansen", "kpss", "phillips_perron", "df_gls", "variance_ratio", "hurst", "noise"
)  # fmt: skip
NO_RELATION = "no combination returns to a mean"


def show_tests_section(view: DeskView) -> None:
    """The schedule of the verdict and its newest test, the second look, and all further tests."""
    study = view.study
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_engle_granger(view)
        _show_schedule(study)
    with right:
        _show_adf(view)
    _show_more(view)


def _show_engle_granger(view: DeskView) -> None:
    study = view.study
    st.header("Engle-Granger test: decides the verdict", anchor=False, help=tip("engle_granger"))
    result = study.engle_granger
    if not isinstance(result, CointegrationResult):
        show_wait(result, view.next_bar_s)
        return
    st.markdown(f"p {p_text(result.pvalue)}, doubled for two directions; {result.n:,} bars.")
    tests = (result.y_on_x, result.x_on_y)
    show_table(
        {
            "Direction": [test.direction for test in tests],
            "t": [number_text(test.statistic, 3) for test in tests],
            "p": [p_text(test.pvalue) for test in tests],
            "Lags": [str(test.lags) for test in tests],
            **{
                _critical_text(level): [number_text(test.critical_values[level], 3) for test in tests]
                for level in result.y_on_x.critical_values
            },
        }
    )
    st.caption(
        f"Null hypothesis: {escape(result.null)}. Critical values for residuals of an estimated hedge "
        f"(MacKinnon 2010, two series). Lags by {escape(result.lag_rule)}."
    )


def _show_schedule(study: PairStudy) -> None:
    """What each scheduled test read, the newest first: how the verdict came about."""
    verdict = study.verdict
    if not verdict.tests:
        return
    flips = {0: "It did not change", 1: "It changed once"}.get(verdict.flips, f"It changed {verdict.flips} times")
    st.header("Scheduled tests", anchor=False, help=tip("verdict"))
    st.caption(
        f"The standing verdict is the last reading that came three times in a row. {flips} over these "
        f"{len(verdict.tests)} tests."
    )
    newest, zone = verdict.tests[::-1], current_zone()
    show_table(
        {
            zone.label: [zone.text(test.as_of_ms)[5:16] for test in newest],
            "Reading": [test.word for test in newest],
            "Doubled p": [
                p_text(test.result.pvalue) if isinstance(test.result, CointegrationResult) else DASH for test in newest
            ],
            "β": [number_text(test.beta, 4) for test in newest],
        }
    )


def _show_adf(view: DeskView) -> None:
    study = view.study
    st.header("Augmented Dickey-Fuller test: a second look", anchor=False, help=tip("adf"))
    result = study.adf
    if not isinstance(result, UnitRootResult):
        show_wait(result, view.next_bar_s)
        return
    show_rows(
        [
            ("Series", result.series),
            ("Statistic t", number_text(result.statistic, 3)),
            ("p", p_text(result.pvalue)),
            ("Lags", str(result.lags)),
            ("Observations", f"{result.nobs:,}"),
            *((_critical_text(level), number_text(value, 3)) for level, value in result.critical_values.items()),
        ]
    )
    st.caption(
        f"Null hypothesis: {escape(result.null)}. The hedge comes from bars before the tested ones, so that these "
        "critical values hold. It can weaken the verdict, never make it."
    )


def _critical_text(level: str) -> str:
    """The head of a column or row: `5 % critical`."""
    return f"{level.removesuffix('%')} % critical"


def _show_more(view: DeskView) -> None:
    study = view.study
    st.header("More tests", anchor=False)
    found = requested(study, "more_tests", "Run all tests", lambda: study.reversion_tests)
    if found is None:
        st.caption(
            "Each leg by itself, both together, and the spread whose hedge was given beforehand. These can weaken the "
            "verdict, never make it: the best of many tests is luck."
        )
        return
    if isinstance(found, NotEnough):
        show_wait(found, view.next_bar_s)
        return
    for doubt in found.doubts:
        st.markdown(f":material/report: {escape(doubt)}")
    if not found.doubts:
        st.markdown(":material/check: None of them speaks against a verdict of reversion.")
    pair = study.params.pair
    rows = all_tests(found, pair.y.label, pair.x.label)
    show_table(
        {
            "Of": [row.of for row in rows],
            "Test": [row.test for row in rows],
            "Null hypothesis": [row.null for row in rows],
            "Statistic": [row.statistic for row in rows],
            "5 % critical": [row.critical for row in rows],
            "p": [row.p for row in rows],
            "Reads": [row.reads for row in rows],
        }
    )
    show_terms("more_terms", *_MORE_TERMS)
    st.caption(
        f"Hedge given beforehand: {escape(found.given)}. Tests of one leg say whether it wanders by itself, as every "
        "test of two legs assumes."
    )


@dataclass(frozen=True)
class TestRow:
    """One line of the table; `reads` says in words what the number says."""

    __test__ = False  # no test of pytest's

    of: str
    test: str
    null: str
    statistic: str
    critical: str
    p: str
    reads: str


def all_tests(found: ReversionTests, y: str, x: str) -> list[TestRow]:
    """Every test of the panel as a line, in reading order."""
    given = "spread, hedge given"
    return [
        _both(found.engle_granger, "engle_granger"),
        _both(found.phillips_ouliaris, "phillips_ouliaris"),
        *_johansen(found.johansen),
        _unit_root(given, found.adf, "adf"),
        _unit_root(given, found.kpss, "kpss"),
        _variance_ratio(given, found.variance_ratio),
        _hurst(given, found.hurst),
        *_leg(y, found.y),
        *_leg(x, found.x),
        _noise(y, found.y_noise),
        _noise(x, found.x_noise),
    ]


def _missing(of: str, term: str, null: str, missing: NotEnough) -> TestRow:
    return TestRow(of, title(term), null, DASH, DASH, DASH, missing.text)


def _both(found: CointegrationResult | NotEnough, term: str) -> TestRow:
    if isinstance(found, NotEnough):
        return _missing("both legs", term, NO_RELATION, found)
    better = min(found.y_on_x, found.x_on_y, key=lambda test: test.pvalue)
    return TestRow(
        "both legs",
        title(term),
        NO_RELATION,
        f"{number_text(better.statistic, 2)} ({better.direction})",
        number_text(better.critical_values["5%"], 2),
        f"{p_text(found.pvalue)}, doubled",
        "reverts" if found.rejects else "no reversion found",
    )


def _johansen(found: JohansenResult | NotEnough) -> list[TestRow]:
    if isinstance(found, NotEnough):
        return [_missing("both legs", "johansen", "no relation", found)]
    words = {0: "no relation", 1: "one relation, as a pair has", 2: "both legs look stationary"}
    return [
        TestRow(
            "both legs",
            f"{title('johansen')}, trace",
            f"at most {rank} {'relation' if rank == 1 else 'relations'}",
            number_text(statistic, 2),
            number_text(critical["95%"], 2),
            DASH,
            words[found.rank] if rank == found.rank or (rank == 1 and found.rank == 2) else "more than that",
        )
        for rank, (statistic, critical) in enumerate(zip(found.trace, found.trace_critical, strict=True))
        if rank <= found.rank
    ]


def _leg(of: str, found: Integration) -> list[TestRow]:
    return [
        _unit_root(of, found.adf, "adf"),
        _unit_root(of, found.phillips_perron, "phillips_perron"),
        _unit_root(of, found.df_gls, "df_gls"),
        _unit_root(of, found.kpss, "kpss"),
    ]


def _unit_root(of: str, found: UnitRootResult | NotEnough, term: str) -> TestRow:
    stays = term == "kpss"
    null = STAYS if stays else WANDERS
    if isinstance(found, NotEnough):
        return _missing(of, term, null, found)
    rejected = found.pvalue < LEVEL
    return TestRow(
        of,
        title(term),
        null,
        number_text(found.statistic, 3),
        number_text(found.critical_values["5%"], 3),
        _kpss_p(found.pvalue) if stays else p_text(found.pvalue),
        "wanders" if rejected == stays else "stays" if stays else "returns",
    )


def _kpss_p(p: float) -> str:
    """The table that it comes from ends at 1 and 10 %."""
    return "below 0.01" if p <= 0.01 else "above 0.10" if p >= 0.10 else f"{p:.3f}"


def _variance_ratio(of: str, found: VarianceRatio | NotEnough) -> TestRow:
    null = "steps are uncorrelated"
    if isinstance(found, NotEnough):
        return _missing(of, "variance_ratio", null, found)
    return TestRow(
        of,
        f"{title('variance_ratio')}, {found.q} bars",
        null,
        f"{found.ratio:.2f} (z {number_text(found.z, 2)})",
        "|z| 1.96",
        p_text(found.pvalue),
        ("steps turn back" if found.ratio < 1 else "steps run on") if found.pvalue < LEVEL else "like a walk",
    )


def _hurst(of: str, found: Hurst | NotEnough) -> TestRow:
    if isinstance(found, NotEnough):
        return _missing(of, "hurst", "none: no test", found)
    far = found.exponent - 0.5
    reads = "like a walk" if abs(far) <= 2 * found.se else "steps turn back" if far < 0 else "steps run on"
    return TestRow(of, title("hurst"), "none: no test", f"{found.exponent:.2f} ± {found.se:.2f}", DASH, DASH, reads)


def _noise(of: str, found: BounceNoise | NotEnough) -> TestRow:
    if isinstance(found, NotEnough):
        return _missing(of, "noise", "none: no test", found)
    reads = "as large as a step: use longer bars" if found.warns else "smaller than a step"
    return TestRow(of, title("noise"), "none: no test", f"{found.ratio:.2f} of a step", "1.00", DASH, reads)


def p_text(p: float) -> str:
    """A p-value to four digits."""
    return "below 0.0001" if p < 1e-4 else f"{p:.4f}"
