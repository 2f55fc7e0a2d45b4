"""Loops over pixels, compiled: each has a plain numpy or scipy twin in the tests."""
