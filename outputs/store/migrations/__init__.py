"""How the tables came to be what they are, step by step; `Store.upgrade` goes through them."""
