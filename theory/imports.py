"""Objects that a user names as "module:attribute"."""

import importlib
import operator
import os
import sys
from typing import Any


def is_spec(text: str) -> bool:
    """Whether the text has the form "package.module:attribute"."""
    module, colon, attribute = text.partition(":")
    return bool(colon) and all(map(str.isidentifier, f"{module}.{attribute}".split(".")))


def imported(label: str, spec: str) -> Any:
    """The callable that `spec` names; the module is also looked up in the current directory.

    Raises ValueError, with `label` in front, if there is none or its module cannot be imported.
    """
    module, _, attribute = spec.partition(":")
    here = os.getcwd()
    missing = here not in sys.path
    if missing:
        sys.path.insert(0, here)
    try:
        found = operator.attrgetter(attribute)(importlib.import_module(module))
    except AttributeError:
        raise ValueError(f"{label} {spec!r}: module {module!r} has no {attribute!r}.") from None
    except Exception as error:  # the module may raise anything while it is imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{label} {spec!r}: cannot import {module!r} ({reason}).") from error
    finally:
        if missing and here in sys.path:
            sys.path.remove(here)
    if not callable(found):
        raise ValueError(f"{label} {spec!r}: {attribute!r} is not callable.")
    return found
