"""Headless work on a clock, inside the ingest process."""
