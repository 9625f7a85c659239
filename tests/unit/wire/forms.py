"""What the fields of the messages may hold, and what lies just beyond, from their types.

So a message that is added, and a limit that is changed, is tested without a word more.
"""

from typing import Any, TypeAlias, get_args

from hypothesis import strategies as st
from msgspec import inspect, to_builtins
from tests.support.weak_keys import station_keys

from meshdl.wire.control import ControlMessage

KINDS: list[type[Any]] = list(get_args(ControlMessage))
"""Every kind of message."""

FEW = 5
"""Of whatever may be many: enough to tell one from several."""

KEYS = frozenset({"station_key", "old_key"})
"""Fields that hold a station's key, which not every octets are."""

Long: TypeAlias = inspect.BytesType | inspect.StrType | inspect.VarTupleType
"""What has a length."""


def tag_of(kind: type[Any]) -> str:
    return str(kind.__struct_config__.tag)


def fields_of(kind: type[Any]) -> tuple[inspect.Field, ...]:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found.fields


def messages_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        kind,
        **{
            field.name: station_keys if field.name in KEYS else values(field.type)
            for field in fields_of(kind)
        },
    )


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Everything that a field may hold."""
    if isinstance(kind, inspect.IntType):
        return st.integers(lowest(kind), highest(kind))
    if isinstance(kind, inspect.UnionType):
        return st.one_of([values(one) for one in kind.types])
    if isinstance(kind, inspect.TupleType):
        return st.tuples(*(values(one) for one in kind.item_types))
    if isinstance(kind, inspect.StructType):
        return messages_of(kind.cls)
    if isinstance(kind, Long):
        return _long_values(kind)
    return {inspect.BoolType: st.booleans(), inspect.NoneType: st.none()}[type(kind)]


def beyond(kind: inspect.Type) -> list[Any]:
    """Values of the right form that go just beyond each limit; messages as what JSON holds."""
    if isinstance(kind, inspect.IntType):
        return [lowest(kind) - 1, highest(kind) + 1]
    if isinstance(kind, inspect.UnionType):
        return [wrong for one in kind.types for wrong in beyond(one)]
    if isinstance(kind, inspect.TupleType):
        return _wrong_tuples(kind)
    if isinstance(kind, inspect.StructType):
        return _wrong_structs(kind)
    if isinstance(kind, Long):
        wrong_lengths = [_of_length(kind, length) for length in _around(kind)]
        inside = isinstance(kind, inspect.VarTupleType) and beyond(kind.item_type)
        return wrong_lengths + [(wrong,) for wrong in inside or []]
    return []


def within(kind: inspect.Type) -> Any:
    """The least that a field may hold."""
    if isinstance(kind, inspect.IntType):
        return lowest(kind)
    if isinstance(kind, inspect.TupleType):
        return tuple(within(one) for one in kind.item_types)
    if isinstance(kind, inspect.StructType):
        return kind.cls(**{field.name: within(field.type) for field in kind.fields})
    if isinstance(kind, Long):
        return _of_length(kind, kind.min_length or 0)
    return False if isinstance(kind, inspect.BoolType) else None


def unlimited(kind: inspect.Type) -> bool:
    """Whether a number may be of any size, or a text or list of any length."""
    match kind:
        case inspect.UnionType():
            return any(unlimited(one) for one in kind.types)
        case inspect.IntType():
            return kind.le is None and kind.lt is None
        case inspect.StrType() | inspect.VarTupleType():
            return kind.max_length is None
        case _:
            return False


def lowest(kind: inspect.IntType) -> int:
    return kind.ge if kind.ge is not None else (kind.gt or 0) + 1


def highest(kind: inspect.IntType) -> int:
    return kind.le if kind.le is not None else (kind.lt or 0) - 1


def _long_values(kind: Long) -> st.SearchStrategy[Any]:
    shortest = kind.min_length or 0
    longest = min(kind.max_length or FEW, max(shortest, FEW) + 40)
    match kind:
        case inspect.BytesType():
            return st.binary(min_size=shortest, max_size=longest)
        case inspect.StrType():
            return st.text(min_size=shortest, max_size=longest)
        case inspect.VarTupleType():
            some = st.lists(values(kind.item_type), min_size=shortest, max_size=longest)
            return some.map(tuple)


def _of_length(kind: Long, length: int) -> Any:
    match kind:
        case inspect.BytesType():
            return b"k" * length
        case inspect.StrType():
            return "x" * length
        case inspect.VarTupleType():
            return (within(kind.item_type),) * length


def _around(kind: Long) -> list[int]:
    shorter = [kind.min_length - 1] if kind.min_length else []
    longer = [kind.max_length + 1] if kind.max_length is not None else []
    return shorter + longer


def _wrong_tuples(kind: inspect.TupleType) -> list[Any]:
    right = [within(one) for one in kind.item_types]
    return [
        (*right[:position], wrong, *right[position + 1 :])
        for position, inner in enumerate(kind.item_types)
        for wrong in beyond(inner)
    ]


def _wrong_structs(kind: inspect.StructType) -> list[Any]:
    right = to_builtins(within(kind))
    return [
        {**right, field.encode_name: wrong} for field in kind.fields for wrong in beyond(field.type)
    ]
