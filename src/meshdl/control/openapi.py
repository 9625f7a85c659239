"""``openapi.json``: the route table and the message types, as OpenAPI 3.1."""

from typing import Any

import msgspec

from meshdl import __version__
from meshdl.control.endpoints import JSON
from meshdl.control.messages import API, ErrorBody
from meshdl.control.routes import ROUTES, Route

_REFERENCES = "#/components/schemas/{name}"


def describe() -> dict[str, Any]:
    """The whole document, ready for JSON."""
    types = {id(kind): kind for route in ROUTES for kind in _types_of(route)}
    kinds = [*types.values(), ErrorBody]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCES)
    schema_of = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, schema_of, components
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "meshdl control API",
            "version": __version__,
            "description": "Commands one meshdl station; on its own machine only.",
        },
        "servers": [{"url": API}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token in control.json of the station's home directory.",
                }
            },
        },
    }


def _types_of(route: Route) -> list[Any]:
    return [kind for kind in (route.answer, route.body, route.query) if kind not in {None, bytes}]


def _operation(
    route: Route, schema_of: dict[int, Any], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            **_answer(route, schema_of),
            "default": {
                "description": "An error, by its class and what to do.",
                "content": {JSON: {"schema": schema_of[id(ErrorBody)]}},
            },
        },
    }
    if parameters := _parameters(route, components):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {route.body_media: {"schema": _schema(route.body, schema_of)}},
        }
    return operation


def _answer(route: Route, schema_of: dict[int, Any]) -> dict[str, Any]:
    if route.answer is None:
        return {"204": {"description": "Done."}}
    content = {route.answer_media: {"schema": _schema(route.answer, schema_of)}}
    return {"200": {"description": route.summary, "content": content}}


def _schema(kind: Any, schema_of: dict[int, Any]) -> Any:
    # OpenAPI 3.1 says binary bodies by leaving the schema open.
    return {} if kind is bytes else schema_of[id(kind)]


def _parameters(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if "{content_hash}" in route.path:
        parameters.append(
            {
                "name": "content_hash",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
            }
        )
    if route.query is not None:
        properties = components[route.query.__name__]["properties"]
        parameters += [
            {"name": name, "in": "query", "schema": schema} for name, schema in properties.items()
        ]
    return parameters
