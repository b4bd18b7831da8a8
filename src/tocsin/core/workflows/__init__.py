"""Automation scenarios: their graphs, whether these can be used, and what a profile does next at a node."""
