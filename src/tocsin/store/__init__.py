"""PostgreSQL: one file per noun; every function takes and returns many."""
