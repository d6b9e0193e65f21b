"""The routes of each wire format: each module has ROUTES, which describes them, and `add(app, context)`."""

from nb_service.app.routes import batch, export, feedback, knative, monitoring, platforms, predict, v1, v2

MODULES = (predict, batch, feedback, v1, v2, platforms, knative, monitoring, export)
ROUTES = {route: words for module in MODULES for route, words in module.ROUTES.items()}
