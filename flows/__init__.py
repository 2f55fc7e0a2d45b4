"""When does which step run, on what, and what happens if it fails?"""
