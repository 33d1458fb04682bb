"""The screens: one shared desk behind them, pages made of cards, and the chart that never blinks."""
