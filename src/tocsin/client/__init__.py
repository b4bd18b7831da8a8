"""The program's own client of the HTTP API: `tocsin import`. It knows a server by its URL only."""
