"""One area from search to finished product: what is due, what was found, what is kept."""
