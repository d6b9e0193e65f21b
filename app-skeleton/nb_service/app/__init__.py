"""The Flask skeleton: every route, page and wire format; complete under any WSGI server."""
