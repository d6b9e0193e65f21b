"""The model itself as an archive, if S2I_EXPORT enables it: the same bytes as from the back end `model`."""

from flask import Flask, Response, abort

from nb_service.app.route_context import RouteContext
from nb_service.export import archive, contents


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`; if it is disabled, it responds like an unknown path."""

    @app.get("/model")
    def export_model() -> Response:
        if not context.settings.export:
            abort(404)
        pieces = archive.pieces(contents.list_contents(context.model))
        name = f'attachment; filename="{context.identity.name}.tar"'
        return Response(pieces, content_type="application/x-tar", headers={"Content-Disposition": name})
