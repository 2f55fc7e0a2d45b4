"""What can be typed, a module for each group of commands."""
