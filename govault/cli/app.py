"""Commands with the common options, and the edge where errors become a message on stderr and an exit code."""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from govault.cli import codes
from govault.cli.options import COMMON, Options, options, set_options
from govault.errors import GoVaultError, Storage

Command = TypeVar("Command", bound=Callable[..., Any])


class App(typer.Typer):
    """A Typer whose commands take the common options and end with the exit codes of ``govault.cli.exits``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            no_args_is_help=True,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )

    def verb(self, name: str, **settings: Any) -> Callable[[Command], Command]:
        """Register a command. Its docstring's first paragraph is its help."""

        def register(function: Command) -> Command:
            self.command(name, **settings)(_with_common_options(function))
            return function

        return register


def _with_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    own = inspect.signature(function)
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(Options(), name), annotation=annotation)
        for name, annotation in COMMON.items()
    ]
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own.parameters.values()
    ] + extra

    def command(**values: Any) -> None:
        set_options(Options(**{name: values.pop(name) for name in COMMON}))
        guarded(lambda: function(**values))

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__module__ = function.__module__
    command.__signature__ = own.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def guarded(act: Callable[[], object]) -> None:
    """Do it; what goes wrong becomes a message and an exit code.

    Raises:
        typer.Exit: With the code.
    """
    try:
        act()
        sys.stdout.flush()
    except GoVaultError as error:
        from govault.cli.exits import exit_code

        tell_error(error)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(codes.INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read stdout has had enough (`govault ls | head`): not an error worth words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(codes.ERROR) from None
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        # A name that is not UTF-8 would itself be an error in the message about it.
        told = f"{where}{error.strerror or error}".encode(errors="backslashreplace").decode()
        tell_error(Storage(told))
        code = codes.NOT_FOUND if isinstance(error, FileNotFoundError) else codes.ERROR
        raise typer.Exit(code) from None


def tell_error(error: GoVaultError) -> None:
    """On stderr: as a sentence, or as one JSON object where a program reads."""
    if options().machine:
        import orjson

        document = {"error": {"code": error.specific_code, "message": str(error), **error.details}}
        print(orjson.dumps(document, default=str).decode(), file=sys.stderr)
        return
    print(f"govault: {error}", file=sys.stderr)
    for line in _facts(error):
        print(f"  {line}", file=sys.stderr)


def _facts(error: GoVaultError) -> list[str]:
    """Details that help a person further."""
    lines = []
    files = error.details.get("files")
    if isinstance(files, list):
        lines += [f"candidate: {file}" for file in files[:20]]
    for name in ("etag", "request_id"):
        value = error.details.get(name)
        if value:
            lines.append(f"{name.replace('_', ' ')}: {value}")
    return lines
