"""The command line, run in the test's own process: one of its own costs seconds of imports.

A process is started where one is meant: to be killed or interrupted, with an interpreter, a hash
seed or a user's module of its own.
"""

import io
import os
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest.mock import patch

from labline.engine.cli.main import main
from labline.engine.disk import locks


def labline(*arguments: str, **environment: str) -> CompletedProcess[str]:
    """Run ``labline`` with these arguments; return what a process would have given."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    command = ["labline", *arguments]
    with (
        patch.object(sys, "argv", command),
        patch.dict(os.environ, environment),
        open(os.devnull) as nothing,  # noqa: PTH123
        patch.object(sys, "stdin", nothing),
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(action="default"),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        finally:
            _let_go()
    assert isinstance(code, int), code
    return CompletedProcess(command, code, *(_text(stream) for stream in (out, err)))


def _let_go() -> None:
    """Give up what a command holds until its process ends."""
    while locks._shared:
        os.close(locks._shared.pop())


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
