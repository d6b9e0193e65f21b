"""The routes of each wire format: each module has `add(app, context)`; `nb_service.http.routes` describes them."""

from nb_service.app.routes import batch, explain, export, feedback, knative, mcp, monitoring, platforms, predict, v1, v2

MODULES = (predict, batch, explain, mcp, feedback, v1, v2, platforms, knative, monitoring, export)
