"""How good and how fast is it, measured? Each module prints a table and writes JSON."""
