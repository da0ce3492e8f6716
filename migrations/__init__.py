"""How the database came to be what it is, in steps. Written by `make migration`, never edited once released."""
