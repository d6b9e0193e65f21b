"""Asks a service as a tool, with the official client of the Model Context Protocol, and prints what comes back."""

import asyncio
import json
import sys

from mcp import Client


async def ask(url):
    """Return the client's reading of the tools and their answers."""
    async with Client(url) as client:
        (tool,) = (await client.list_tools()).tools
        good = await client.call_tool(tool.name, {"sample": [3, 1, 2]})
        some = await client.call_tool(tool.name, {"sample": [3, 1, 2], "parameters": {"top_k": 1}})
        rejected = await client.call_tool(tool.name, {"sample": []})
        unknown = await client.call_tool(tool.name, {"sample": [1], "parameters": {"top": 1}})
        return {
            "tool": [tool.name, tool.description, sorted(tool.input_schema["properties"])],
            "good": [good.is_error, good.structured_content, good.content[0].text],
            "some": some.structured_content,
            "rejected": [rejected.is_error, rejected.content[0].text],
            "unknown": [unknown.is_error, unknown.content[0].text],
        }


print(json.dumps(asyncio.run(ask(sys.argv[1]))))
