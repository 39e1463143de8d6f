"""The one reader of values from files, JSON or TOML, into the types that their fields declare.

By hand on purpose: of the libraries for it, msgspec takes no null for a float, which is how JSON
says NaN, and cattrs takes 0.2 s to be imported and longer than this to read the results of a
night (0.13 s; 0.08 s).
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any


def typed(value: object, hint: Any, where: str) -> object:
    """Value of a file in the type of its field.

    Whole numbers serve as floats and null as NaN, lists become tuples, objects dataclasses; of
    the keys of an object, those that are no fields are left out.

    Parameters
    ----------
    value : object
        As the parser of JSON or TOML has it.
    hint : type
        What the field declares.
    where : str
        Name of the field, for the message.

    Raises
    ------
    TypeError
        If the value is of another type, or an object lacks a field without a default.
    """
    if type(value) is hint:
        return value
    if value is None and hint is float:
        return math.nan
    origin, arguments = _parts_of(hint)
    if origin in {types.UnionType, typing.Union}:
        if value is None and type(None) in arguments:
            return None
        return typed(value, next(kind for kind in arguments if kind is not type(None)), where)
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | Mapping):
        return _of_many(value, hint, where)
    raise _mistyped(value, hint, where)


def _of_many(value: list[object] | Mapping[str, object], hint: Any, where: str) -> object:
    """A tuple, a dictionary or a dataclass."""
    origin, arguments = _parts_of(hint)
    if isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[1:] == (Ellipsis,) else arguments
        if origin is tuple and len(kinds) == len(value):
            return tuple(
                each if type(each) is kind else typed(each, kind, where)
                for each, kind in zip(value, kinds, strict=True)
            )
    elif origin in {dict, Mapping}:
        return {key: typed(content, arguments[1], where) for key, content in value.items()}
    elif dataclasses.is_dataclass(hint):
        fields = {
            name: each if type(each := value[name]) is kind else typed(each, kind, name)
            for name, kind in fields_of(hint).items()
            if name in value
        }
        return hint(**fields)  # type: ignore[operator]
    raise _mistyped(value, hint, where)


@functools.lru_cache
def _parts_of(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(hint), typing.get_args(hint)


def _mistyped(value: object, hint: Any, where: str) -> TypeError:
    plain = typing.get_origin(hint) or hint
    wanted = getattr(plain, "__name__", str(plain))
    return TypeError(f"{where} = {value!r} should be of type {wanted}")


def fields_of(kind: Any) -> dict[str, Any]:
    """Fields of a dataclass and their types."""
    if kind not in _FIELDS:
        hints = typing.get_type_hints(kind)
        _FIELDS[kind] = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return _FIELDS[kind]


_FIELDS: dict[Any, dict[str, Any]] = {}
"""What `fields_of` has found; to resolve the types takes longer than to read a result."""
