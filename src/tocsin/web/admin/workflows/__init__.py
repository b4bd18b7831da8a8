"""Scenarios: the graph of each, edited node by node, with who is where."""
