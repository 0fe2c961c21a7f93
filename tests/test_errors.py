import pytest

from alignray.errors import find_error_line

CHAINED = """Traceback (most recent call last):
  File "a.py", line 3, in load
    raise ValueError(
ValueError: no such column

The above exception was the direct cause of the following exception:

ray.exceptions.UserCodeException: Failed to process
"""


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        (CHAINED, "ValueError: no such column"),
        (
            "  torch.OutOfMemoryError: tried to allocate",
            "torch.OutOfMemoryError: tried to allocate",
        ),
        ("MemoryError", "MemoryError"),
        ("    raise ValueError(\nan error: of no kind", None),
        ("", None),
    ],
)
def test_the_first_line_that_names_an_error(traceback, line):
    assert find_error_line(traceback) == line
