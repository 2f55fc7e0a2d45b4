"""What becomes of a detection from run to run?"""
