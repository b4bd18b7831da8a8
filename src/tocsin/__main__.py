"""`python -m tocsin` is the program `tocsin`."""

from tocsin.cli import main

main()
