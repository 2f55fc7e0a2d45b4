"""Where imagery comes from: every source answers the same two questions, `search` and `read`."""
