"""Which files the service uses during its selftest."""
