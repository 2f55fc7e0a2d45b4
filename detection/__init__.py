"""What changed, when, how sure are we, and what could we not have seen?"""
