"""A result in, a Plotly figure out: charts draw and compute no statistic."""

from statarb.charts.figure import Figure, Level, Line, Marks, Pane, Tag
from statarb.charts.pair import Base, live_figure, live_tags, pair_figure

__all__ = ["Base", "Figure", "Level", "Line", "Marks", "Pane", "Tag", "live_figure", "live_tags", "pair_figure"]
