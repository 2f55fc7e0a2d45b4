"""A release as one folder to look at: map, list, a page a site; from a disk, a web server, without a network."""
