"""The model itself as an archive, where S2I_EXPORT gives it out: the same bytes as the back end `model` writes."""

from flask import Flask, Response, abort

from nb_service.app.route_context import RouteContext
from nb_service.export import archive, contents


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`; where it is off, it is as if there were none."""

    @app.get("/model")
    def export_model() -> Response:
        if not context.settings.export:
            abort(404)
        pieces = archive.pieces(contents.of(context.model))
        name = f'attachment; filename="{context.identity.name}.tar"'
        return Response(pieces, content_type="application/x-tar", headers={"Content-Disposition": name})
