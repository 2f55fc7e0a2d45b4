"""The record of every scene: which were found, which were used, and why the others were not."""
