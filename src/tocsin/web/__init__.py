"""HTTP comes in: bytes to structs, structs to bytes."""
