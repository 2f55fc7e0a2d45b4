"""What every server of this program shares: where it listens, and whom it answers."""
