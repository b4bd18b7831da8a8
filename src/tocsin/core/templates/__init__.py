"""The template language: translated once into minijinja, then rendered many times."""
