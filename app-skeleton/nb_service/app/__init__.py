"""The Flask skeleton: every route, page and wire format, whole under any WSGI server."""
