"""All areas of a workspace once, and what is published of it."""
