"""The front: HTTP/1.1 on asyncio and llhttp. It moves bytes, decodes no body and imports no Flask."""
