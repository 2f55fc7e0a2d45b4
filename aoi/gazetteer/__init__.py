"""Which place does an address, or a name in any script, mean, and how exactly?"""
