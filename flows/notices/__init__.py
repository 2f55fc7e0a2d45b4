"""Notices: who asked for them, what waits to be told, and how it is delivered."""
