"""What was made from what, and whether it is still as it was made."""
