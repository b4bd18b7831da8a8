"""Settings: everything that the configuration file can say, as forms."""
