"""All tests; a package of its own, because some libraries install a top-level `tests` that would hide this one."""
