"""Call each predictor of a service as a tool, with files, by the official client of the Model Context Protocol."""

import asyncio
import base64
import json
import sys

from mcp import Client

SOUND = base64.b64encode(b"\xff" * 4).decode()


async def ask(url):
    """Return the client's reading of the tools and their answers."""
    async with Client(url) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

        async def called(name, **arguments):
            result = await client.call_tool(name, arguments)
            return [result.is_error, result.content[0].text]

        return {
            "tools": {name: [tool.description, tool.input_schema["properties"]] for name, tool in tools.items()},
            "default": await called("m", sample=5),
            "length": await called("length", sample=f"data:audio/wav;base64,{SOUND}"),
            "base64 and a parameter": await called("length", sample=SOUND, parameters={"unit": 2}),
            "a file": await called("echo", sample={"sound": SOUND, "times": 2}),
            "no file": await called("length", sample="?"),
            "a wrong parameter": await called("length", sample=SOUND, parameters={"unit": "x"}),
            "a URL": await called("length", sample="https://example.com/a.wav"),
            "another": await called("other", sample=5),
        }


print(json.dumps(asyncio.run(ask(sys.argv[1]))))
