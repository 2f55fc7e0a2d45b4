"""Which outline, which shape, which name and which probability?"""
