"""Pure ASGI layers around every route, from the outside in: edge, response headers, gate."""
