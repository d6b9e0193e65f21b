"""The Model Context Protocol at POST /mcp: streamable HTTP without sessions."""

from typing import Any

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, body, problem, rejection_response, response_with
from nb_service.http import replies
from nb_service.pool import answer as outcomes
from nb_service.protocols import Body, Malformed, Series, decode, mcp

FOREIGN = "A page from another origin sent this; S2I_CORS_ORIGINS lists the origins that may."


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""

    @app.post("/mcp")
    def model_context() -> Response:
        if not _is_own_origin(context):
            return rejection_response(problem, 403, FOREIGN)
        if not replies.is_json(request.content_type or ""):
            return rejection_response(problem, 415, "POST /mcp takes JSON-RPC messages as application/json.")
        try:
            message = decode(body(context.settings.max_body))
        except Malformed as error:
            return response_with(mcp.error(None, mcp.PARSE_ERROR, str(error)), error.status)
        if not _is_message(message):
            return response_with(mcp.error(None, mcp.INVALID_REQUEST, "This is not a JSON-RPC 2.0 message."), 400)
        if "id" not in message or "method" not in message:
            # A notification or a response, neither of which gets a reply.
            return Response(status=202)
        return response_with(_answered(context, message))


def _is_message(message: object) -> bool:
    """Return whether this is a request, a notification or a response of JSON-RPC 2.0."""
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and (isinstance(message.get("method"), str) or "result" in message or "error" in message)
        and _is_identifier(message.get("id"))
    )


def _is_identifier(value: object) -> bool:
    """Return whether a value may identify a request: other numbers would change when they are written again."""
    return value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _is_own_origin(context: RouteContext) -> bool:
    """Return whether a request has an allowed Origin header, or none, as requests of programs do."""
    origin = request.headers.get("Origin")
    allowed = context.settings.cors_origins
    return origin is None or "*" in allowed or origin in allowed or origin.partition("://")[2] == request.host


def _answered(context: RouteContext, message: dict) -> Body:
    """Return the response to a request."""
    identifier, method, params = message["id"], message["method"], message.get("params") or {}
    if not isinstance(params, dict):
        return mcp.error(identifier, mcp.INVALID_PARAMS, "params is not an object.")
    if method == "initialize":
        return mcp.result(identifier, mcp.initialized(context.identity, params.get("protocolVersion")))
    if method == "ping":
        return mcp.result(identifier, {})
    if method == "tools/list":
        tools = [
            mcp.tool(own.identity, own.model.manifest, own.model.sample_schema) for own in context.by_name.values()
        ]
        return mcp.result(identifier, {"tools": tools})
    if method == "tools/call":
        return mcp.result(identifier, _called(context, params))
    return mcp.error(identifier, mcp.UNKNOWN_METHOD, f"There is no method {method!r} here.")


def _called(context: RouteContext, params: dict[str, Any]) -> dict:
    try:
        tools = {mcp.tool_name(own.identity): own for own in context.by_name.values()}
        own = tools[mcp.tool_asked(params, tools)]
        sample, parameters = mcp.arguments(params)
        call = own.calls.made(parameters, request.headers)
        (sample,) = own.with_fetched_files(Series([sample]))
        answer = context.asker.ask(sample, call)
    except Malformed as error:
        return mcp.rejected(str(error))
    if answer.outcome != outcomes.OK:
        return mcp.rejected(replies.rejection_of(answer, replies.disclosure(context.settings)).detail)
    own.keep(answer.payload)
    return mcp.predicted(decode(answer.payload), answer.payload.decode("utf-8", "surrogatepass"))
