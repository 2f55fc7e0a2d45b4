"""A list of suppliers from the file to its assessment."""
