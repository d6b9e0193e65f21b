"""The routes of each wire format: a module has ROUTES, what its routes are for, and `add(app, door)`."""

from nb_service.app.routes import batch, cloud_events, monitoring, platforms, predict, v1, v2

MODULES = (predict, batch, v1, v2, platforms, cloud_events, monitoring)
ROUTES = {route: words for module in MODULES for route, words in module.ROUTES.items()}
