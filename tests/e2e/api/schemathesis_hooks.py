"""What schemathesis draws and cannot send: it loads this where SCHEMATHESIS_HOOKS names the file."""

from typing import Any
from urllib.parse import unquote

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from govault.domain.paths import CONTROL


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Leave out right names that would arrive as wrong ones.

    A name may hold ``%07`` as three characters. The tool takes them for an escape, so that a control character would
    be sent, which the document forbids.
    """
    path = None if case.meta is None else case.meta.components.get(ParameterLocation.PATH)
    if path is None or path.mode.is_negative:
        return True
    return not any(CONTROL.search(unquote(str(value))) for value in case.path_parameters.values())
