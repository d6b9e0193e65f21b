"""The Flask application: all routes, pages and wire formats; complete under any WSGI server."""
