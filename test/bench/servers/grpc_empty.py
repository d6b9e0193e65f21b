"""A server in asyncio that reads no request and answers each with nothing: what grpcio itself takes of a call.

Usage: grpc_empty.py PORT
"""

import asyncio
import sys

import grpc


async def main(port: str) -> None:
    """Serve until this process is ended."""

    async def answer(_request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return b""

    methods = {"ModelInfer": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(main(sys.argv[1]))
