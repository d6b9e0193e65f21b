"""The routes of each wire format: a module has ROUTES, what its routes are for, and `add(app, door)`."""

from nb_service.app.routes import batch, cloud_events, clouds, own, v1, v2, watching

MODULES = (own, batch, v1, v2, clouds, cloud_events, watching)
ROUTES = {route: words for module in MODULES for route, words in module.ROUTES.items()}
