"""The console: pages for the people who run and use the product."""
