"""Who may know what: places, fields and pictures by audience, and the search for what slipped through."""
