"""The description is whole: it can be followed without reading our code."""

import re
from typing import Any

from meshdl.control.openapi import describe
from meshdl.control.routes import ROUTES

DOCUMENT = describe()


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(member) for member in value.values()))
    if isinstance(value, list):
        return set().union(*(references(member) for member in value))
    return set()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(path, method.upper()) for path, method, _ in operations()}
    assert described == {(route.path, route.method) for route in ROUTES}


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert found
    for reference in found:
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert isinstance(target, dict)


def test_operations_have_distinct_names_and_answers() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for _, _, operation in operations():
        assert {"200", "204"} & operation["responses"].keys()
        assert "default" in operation["responses"]
        for response in operation["responses"].values():
            assert response["description"]


def test_every_variable_of_a_path_is_a_parameter() -> None:
    for path, _, operation in operations():
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def test_the_fields_of_a_query_are_parameters() -> None:
    [log] = [operation for path, _, operation in operations() if path == "/log"]
    assert {p["name"] for p in log["parameters"]} >= {"kind", "since", "limit"}


def test_events_are_told_apart_by_type() -> None:
    [events] = [operation for path, _, operation in operations() if path == "/events"]
    schema = events["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert "content-removed" in schema["discriminator"]["mapping"]
