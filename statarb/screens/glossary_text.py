"""What every number on the screen is: formula, reading and caveat, for tooltips and for the glossary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One statistic: how it is made, how it is read, what it does not say; `methods` are its functions in
    docs/methods.md, '' where the term is not a function of ours.
    """

    name: str
    group: str
    formula: str
    reading: str
    caveat: str = ""
    methods: tuple[str, ...] = ()

    @property
    def tip(self) -> str:
        """The tooltip, in Markdown."""
        parts = (f"**{self.formula}**" if self.formula else "", self.reading, self.caveat)
        return "\n\n".join(part for part in parts if part)


PRICES = "Prices and bars"
HEDGE = "Hedge"
SPREAD = "Spread and z"
COSTS = "Costs and edge"
REVERSION = "Reversion"
MORE = "Further tests"
BACKTEST = "Backtest"

GLOSSARY: dict[str, Term] = {
    "pair": Term(
        "Pair, y on x",
        PRICES,
        "y = α + β x + spread",
        "y is the leg that is explained, x the one that explains. By default y is the leg that trades less.",
        "Swapping the legs is another regression, not the inverse of this one.",
        ("hedge_ratio",),
    ),
    "closed_bar": Term(
        "Closed bar",
        PRICES,
        "open, high, low, close and volume of one stretch of time",
        "A bar is closed once the exchange's clock has passed its end. Every number that is not called live is made "
        "of closed bars only.",
        "A bar in which a leg did not trade is left out, never filled in.",
        ("resample_bars", "align_legs"),
    ),
    "volume": Term(
        "Volume",
        PRICES,
        "Σ price × quantity of the trades in a bar",
        "In the quote currency (USDT), so that both legs can be compared.",
        "",
        ("price_statistics",),
    ),
    "price_statistics": Term(
        "Price statistics",
        PRICES,
        "return = ln(closeₜ / closeₜ₋₁); VWAP = quote volume / volume; flow = (bought − sold by takers) / volume",
        "What moved and how much was traded in each leg. The sign of the flow says who pressed.",
        "Each figure is of closed bars; a bar without a trade has none.",
        ("price_statistics",),
    ),
    "volatility": Term(
        "Volatility",
        PRICES,
        "deviation of returns × √(bars in a year of 365 days)",
        "How much a price moves, per year.",
        "Bid-ask bounce inflates it on short bars.",
        ("price_statistics",),
    ),
    "effective_spread": Term(
        "Effective spread",
        PRICES,
        "2 √(−cov(rₜ, rₜ₋₁))",
        "What crossing the book costs, estimated from the bounce of closes.",
        "An estimate; none where closes do not bounce.",
        ("price_statistics", "bounce_noise"),
    ),
    "correlation": Term(
        "Correlation of returns",
        PRICES,
        "Pearson's r of the last w returns of both legs",
        "From −1 to 1. Near 1 the legs move together bar by bar.",
        "Reads low on bars below 15 s, because the legs do not trade at the same moment. It says nothing about "
        "reversion.",
        ("rolling_correlation", "log_returns"),
    ),
    "level_correlation": Term(
        "Correlation of levels",
        PRICES,
        "Pearson's r of the last w prices",
        "Shown as an extra only.",
        "Misleading: unrelated walks show |r| above 0.5 in about 40 % of windows.",
        ("rolling_correlation",),
    ),
    "beta": Term(
        "Hedge ratio β",
        HEDGE,
        "β = cov(y, x) ÷ var(x) over the window, by least squares",
        "Log prices: notional of x for one unit of y's notional. Prices: units of x for one of y.",
        "β at or below zero is no hedge: no legs and no signal.",
        ("hedge_ratio",),
    ),
    "beta_interval": Term(
        "Interval of β",
        HEDGE,
        "β ± 1.96 standard errors of its method; for least squares on levels by the long-run variance of the residuals",
        "Where the true hedge ratio lies if the legs return to one line: it held the truth in 93 to 94 % of simulated "
        "pairs, the classic error of a regression table in 22 to 42 %.",
        "Without reversion no interval of β means anything. Total least squares has none.",
        ("long_run_hedge", "hac_hedge", "dols_hedge", "basket_hedge"),
    ),
    "alpha": Term("Intercept α", HEDGE, "α = mean y − β mean x", "The level of the line.", "", ("hedge_ratio",)),
    "r2": Term(
        "R²",
        HEDGE,
        "1 − SSR ÷ SST",
        "Share of y's variance over the window that the line explains.",
        "Close to 1 for any two prices that trended together; it is no evidence of reversion.",
        ("hedge_ratio",),
    ),
    "ols_summary": Term(
        "OLS summary",
        HEDGE,
        "y = α + β x + u by ordinary least squares",
        "The full regression table.",
        "Its t and R² assume stationary data; two unrelated walks show |t| above 2 in about 80 % of samples.",
        ("ols_summary",),
    ),
    "rolling_beta": Term(
        "Rolling β",
        HEDGE,
        "β of the last w bars, at every bar. Band: β ± 1.96 √(SSR ÷ (w − 2) ÷ Sxx), the classic error",
        "A β that wanders means that the hedge of an hour ago is not today's.",
        "Neighbouring values share most of their bars. The classic error takes bars as independent: where prices "
        "wander, its band holds the true β in fewer than half of the cases measured.",
        ("rolling_hedge",),
    ),
    "kalman_beta": Term(
        "Kalman β and its band",
        HEDGE,
        "α and β walk at random; each bar corrects them by its surprise. Band: β ± 1.96 deviations",
        "Follows a change sooner than a window does. The filter forgets at the pace of one window.",
        "The band assumes the filter's own model. Its surprises are no spread: they look stationary on any two walks.",
        ("kalman_hedge", "kalman_noise"),
    ),
    "hedge_methods": Term(
        "Methods of hedging",
        HEDGE,
        "OLS: least squares on levels; x on y: the other way, 1 / slope. Returns: on changes. TLS: the same line in "
        "both directions. Huber, Theil-Sen: robust to wild bars. DOLS, HAC: OLS with an honest error. Johansen: the "
        "first relation of its test. Kalman: a moving line",
        "Methods that agree give confidence in β; where they part, the pair has no one hedge.",
        "The best of ten by luck is not the best: a few hundredths of quality are noise.",
        (
            "compare_hedges",
            "returns_hedge",
            "tls_hedge",
            "huber_hedge",
            "theil_sen_hedge",
            "dols_hedge",
            "hac_hedge",
            "kalman_hedge",
        ),
    ),
    "hedge_quality": Term(
        "Hedge quality, out of sample",
        HEDGE,
        "sd(Δy − β Δx) ÷ sd(Δy) over bars after those that gave β",
        "What the hedge leaves of y's movement: 0 is a perfect hedge, 1 is none, above 1 it adds risk.",
        "Needs ten stretches that do not overlap.",
        ("hedge_quality",),
    ),
    "beta_gap": Term(
        "Beta gap",
        HEDGE,
        "|β of levels − β of returns| ÷ |β of levels|",
        "Above 25 % the legs do not move together bar by bar as they do over the window: the level hedge may add risk.",
        "A flag, not a test.",
        ("beta_gap",),
    ),
    "stability": Term(
        "Stability",
        HEDGE,
        "cumulated surprises in the bars after a fit of a quarter of a window ago, against what chance gives",
        "*stable*; *drifting*: β or the mean moved as chance does it in about 5 % of cases; *broken*: in about 1 %. "
        "p is how often chance alone moves them so far: near 1 nothing has moved.",
        "Assumes that the spread is an AR(1).",
        ("stability",),
    ),
    "scatter": Term(
        "Scatter of the legs",
        HEDGE,
        "one point a bar: price of x across, of y up",
        "Points around one line are a hedge; a cloud that changes its line over time (colour) is none.",
        "",
        ("hedge_ratio",),
    ),
    "spread": Term(
        "Spread",
        SPREAD,
        "y − α − β x, with α and β of the bars before",
        "In basis points of the y notional; of plain prices the charts show it in money. Above zero y is rich to x.",
        "",
        ("spread_seen", "frozen_moments"),
    ),
    "spread_fixed": Term(
        "Spread, hedge fixed",
        SPREAD,
        "y − α − β x with today's α and β for every bar",
        "A picture of how today's hedge would have looked.",
        "The fit has seen the bars it is drawn over: never a signal.",
        ("spread_fixed",),
    ),
    "z": Term(
        "z-score",
        SPREAD,
        "z = (spread − mean) ÷ deviation, frozen at the bar before",
        "How unusual the spread is for its window.",
        "Not a normal variable: beyond ±2 in 14 to 17 % of real one-minute bars, and on unrelated walks as well.",
        ("z_seen", "live_z", "moments_seen"),
    ),
    "z_distribution": Term(
        "Distribution of z",
        SPREAD,
        "share of bars by z, against the normal curve",
        "How often z really was beyond 1, 2 and 3. Fat tails mean that a threshold is crossed far more often than "
        "tables of the normal law say.",
        "Neighbouring z are alike: the bars are far fewer than they look.",
        ("z_distribution",),
    ),
    "share_beyond": Term(
        "Share beyond",
        SPREAD,
        "share of the last 24 h, or of 60 bars where those are longer, with |z| at least as large as now",
        "In place of a p-value.",
        "",
        ("share_beyond",),
    ),
    "threshold": Term(
        "Alert threshold",
        SPREAD,
        "an episode begins at |z| ≥ threshold and ends below half of it",
        "One alert an episode.",
        "That |z| shrinks afterwards is no success: it does in 88 % of cases on unrelated walks.",
        ("episodes",),
    ),
    "edge": Term(
        "Edge to the mean",
        COSTS,
        "|spread − mean| in basis points of the y notional",
        "What a full return to the mean would pay before costs.",
        "Nothing says that it returns: read the verdict.",
        ("edge_to_mean",),
    ),
    "round_trip": Term(
        "Round trip",
        COSTS,
        "both legs, in and out: fee + slippage (or half the spread) on each notional",
        "What it costs to be in the trade at all.",
        "",
        ("edge_to_mean",),
    ),
    "net": Term(
        "Net edge",
        COSTS,
        "edge − round trip",
        "What would be left of a full return to the mean. No signal is shown without it.",
        "Funding and borrow stand beside it.",
        ("edge_to_mean",),
    ),
    "funding": Term(
        "Funding",
        COSTS,
        "rate × notional, paid by longs to shorts at fixed hours",
        "A perpetual's price of holding. Negative rates pay the long.",
        "The next rate is a forecast until it is due.",
    ),
    "borrow": Term(
        "Borrow",
        COSTS,
        "yearly rate ÷ 365 for each day a spot leg is short",
        "Your own rate; a spot leg can be short only with margin.",
    ),
    "two_legs": Term(
        "Two legs",
        COSTS,
        "y: notional ÷ price; x: β times that",
        "Units of both legs, rounded to what the exchange accepts, with the net exposure that β leaves.",
        "",
        ("two_legs",),
    ),
    "verdict": Term(
        "Verdict",
        REVERSION,
        "doubled Engle-Granger p below 5 %, three scheduled tests in a row",
        "Whether the spread reverted *in this window*.",
        "No evidence is not evidence of none: the headline says which half-life would have been missed. *Same asset*: "
        "one leg explains all but a millionth of the other's movement (R² above 0.999999); what is left is rounding.",
        ("verdict", "half_life_found"),
    ),
    "engle_granger": Term(
        "Engle-Granger test",
        REVERSION,
        "Dickey-Fuller t of the residuals, both directions, p = min(1, 2 min p)",
        "Null hypothesis: no combination of the legs returns to a mean. A small p speaks for reversion.",
        "A plain Dickey-Fuller p on the same residuals would be wrong three times as often.",
        ("engle_granger", "critical_values", "residual_pvalue", "schwert_lags"),
    ),
    "half_life": Term(
        "Half-life",
        REVERSION,
        "−ln 2 ÷ ln φ of s(t) = c + φ s(t−1) + e",
        "Time until half of a deviation is gone. Below it: where it lies with 95 %, bias allowed for, and what two "
        "unrelated legs would show in such a window. Believe it where it is clearly shorter than that.",
        "Shown only while the verdict reads mean-reverting: on unrelated walks it comes out at a twelfth of the "
        "window.",
        ("half_life",),
    ),
    "adf": Term(
        "Augmented Dickey-Fuller test",
        MORE,
        "t of γ in Δs = c + γ s(t−1) + Σ δ Δs + e",
        "Null hypothesis: the series wanders. Here for the spread whose hedge comes from bars before the tested ones.",
        "Not for a hedge fitted to the same bars.",
        ("adf",),
    ),
    "phillips_ouliaris": Term(
        "Phillips-Ouliaris test",
        MORE,
        "residual t corrected by the long-run variance",
        "Null hypothesis: no combination of the legs returns to a mean.",
        "Rejects too often under bid-ask noise.",
        ("phillips_ouliaris",),
    ),
    "johansen": Term(
        "Johansen test",
        MORE,
        "trace statistics of the vector error-correction model",
        "Null hypothesis: at most 0, then at most 1 relation. Rank 1 is what a pair needs.",
        "Rank 2 means that the legs look stationary themselves.",
        ("johansen",),
    ),
    "kpss": Term(
        "KPSS test",
        MORE,
        "Σ of squared partial sums ÷ long-run variance",
        "The other way round: the null hypothesis is that the series *stays*, and a small p says that it wanders.",
        "Objects to slow spreads that do revert.",
        ("kpss",),
    ),
    "phillips_perron": Term(
        "Phillips-Perron test",
        MORE,
        "Dickey-Fuller t with Newey-West's correction",
        "Null hypothesis: the series wanders.",
        "Rejects far too often when steps turn back.",
        ("phillips_perron",),
    ),
    "df_gls": Term(
        "DF-GLS test",
        MORE,
        "Dickey-Fuller t of the series less its mean by generalised least squares",
        "Null hypothesis: the series wanders. More power than Dickey-Fuller.",
        "",
        ("df_gls",),
    ),
    "variance_ratio": Term(
        "Variance ratio",
        MORE,
        "var(q-bar step) ÷ (q var(one-bar step))",
        "1 on a walk, below 1 when steps turn back.",
        "Below 1 for bid-ask noise too.",
        ("variance_ratio",),
    ),
    "hurst": Term(
        "Hurst exponent",
        MORE,
        "slope of log fluctuation on log box (detrended fluctuation analysis)",
        "0.5 on a walk, below it when steps turn back.",
        "Decoration: its error is about 1 ÷ √n.",
        ("hurst",),
    ),
    "noise": Term(
        "Bid-ask noise",
        MORE,
        "noise² = −cov(Δp(t), Δp(t−1))",
        "Noise as large as a bar's own step passes for reversion: use longer bars.",
        "",
        ("bounce_noise",),
    ),
    "trips": Term(
        "Round trips",
        BACKTEST,
        "completed trades of the spread: the n of every mean",
        "Below 30 nothing can be said.",
        "",
        ("backtest",),
    ),
    "mean_net": Term(
        "Mean net a trade",
        BACKTEST,
        "average of (P&L − costs) in basis points of the y notional, with its 95 % interval",
        "The number that counts. An interval that holds zero says: not different from nothing.",
        "Trades that overlap one trend are not independent; the interval is a little narrow.",
        ("backtest",),
    ),
    "win_rate": Term(
        "Win rate",
        BACKTEST,
        "share of round trips with a gain after costs",
        "Never alone: enter 2, exit 0 wins about two of three before costs on unrelated walks and earns nothing.",
        "",
        ("backtest",),
    ),
    "break_even": Term(
        "Break-even cost",
        BACKTEST,
        "gross result ÷ turnover",
        "The cost of a fill at which the rule earns nothing. Below your own cost, it loses.",
        "",
        ("backtest",),
    ),
    "equity": Term(
        "Equity",
        BACKTEST,
        "Σ of P&L less the costs paid so far, from zero",
        "In the money of the notional, marked at every close.",
        "One path of many: read the mean with its interval first. The curve holds a trade that is still open by market "
        "prices; the figure at the end has paid for leaving it, as the table has.",
        ("backtest",),
    ),
    "drawdown": Term(
        "Drawdown",
        BACKTEST,
        "equity − its highest so far",
        "What had to be sat through. Marked at every close.",
        "The worst of the past is not the worst there is.",
        ("backtest",),
    ),
    "exposure": Term(
        "Exposure",
        BACKTEST,
        "share of bars in which a trade was open",
        "How long the money was at work.",
        "",
        ("backtest",),
    ),
    "sharpe": Term(
        "Sharpe ratio",
        BACKTEST,
        "mean ÷ deviation of daily changes × √365",
        "Shown from 30 round trips and 5 days on.",
        "The best of many tried parameter sets has a high one by luck.",
        ("backtest",),
    ),
    "scorecard": Term(
        "Scorecard of alerts",
        BACKTEST,
        "gross = (q_y ΔP_y + q_x ΔP_x) ÷ |q_y P_y|, units frozen at the alert; net = gross − round trip",
        "The share of alerts with a gross gain, and the means, filled at the first close after the alert. Beside it "
        "random entries of the same side before it: a rule is worth something where it earns more than they do.",
        "Overlapping alerts are not independent, so the intervals are rather too narrow.",
        ("outcome", "scorecard"),
    ),
    "tried": Term(
        "Parameter sets tried",
        BACKTEST,
        "different settings whose backtest this browser session has seen",
        "The more were tried, the more of the best one is luck.",
        "It counts what was looked at here, not what you tried elsewhere.",
        ("backtest",),
    ),
}


def tip(key: str) -> str:
    """The tooltip of a statistic."""
    return GLOSSARY[key].tip


def title(key: str) -> str:
    """Its name, as the glossary lists it."""
    return GLOSSARY[key].name
