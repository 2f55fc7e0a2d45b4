"""Was a place opened: what walls, roofs and proxies say together."""
