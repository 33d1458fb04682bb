"""A Binance-compatible exchange in a box: WebSocket and REST on one loopback port, from one market."""
