"""One folder for a newsroom: the same findings in the formats of many tools, with maps, captions, method and limits."""
