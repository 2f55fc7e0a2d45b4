"""Notices: what is worth telling whom, in which words, and the documents that carry it. Pure: nothing is sent here."""
