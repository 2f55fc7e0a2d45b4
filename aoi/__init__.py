"""What do we watch, and what do we know about places?"""
