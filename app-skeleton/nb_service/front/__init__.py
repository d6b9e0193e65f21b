"""The front: HTTP/1.1 on asyncio and llhttp. It passes on bytes, never decodes a body, and does not import Flask."""
