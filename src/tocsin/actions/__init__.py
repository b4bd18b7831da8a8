"""What the product can do: one function per verb."""
