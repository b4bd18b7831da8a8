"""Pages and addresses for who is no client of the API: recipients, browsers, providers."""
