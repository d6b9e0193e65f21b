"""Which files the service opens while it is asked everything."""
