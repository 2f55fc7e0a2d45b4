"""How often would chance have said the same, and what would have been found?"""
