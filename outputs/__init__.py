"""What does it mean, and who gets it in which form?"""
