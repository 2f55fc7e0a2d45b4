"""What a detection means for the places and firms that are known."""
