"""Pictures of what the stages do, drawn from what they really do: each runs
the programs, and shows counts and bytes, never times.

    costs_of_a_get
        the bytes that one get reads, of stores of 10 to 10,000 records.
    record STAGE KEY VALUE
        the bytes of the record that a set appends.
    merge KEY=VALUE...
        the segments of stage 06 before a merge and after; `KEY=` deletes.
"""

import functools
import inspect
import shlex

from picture_of_costs import costs_of_a_get
from picture_of_merge import merge
from picture_of_record import record
from wrong import Wrong

PICTURES = {'costs_of_a_get': costs_of_a_get, 'record': record,
            'merge': merge}


@functools.lru_cache(maxsize=None)
def picture(binaries, what):
    """What a `picture` directive asks for: the text of an SVG file."""
    name, *arguments = shlex.split(what) or ['']
    if name not in PICTURES:
        raise Wrong(f'picture: knows {", ".join(PICTURES)}, not {what}')
    try:
        inspect.signature(PICTURES[name]).bind(binaries, *arguments)
    except TypeError as error:
        raise Wrong(f'picture: {name}: {error}') from None
    return PICTURES[name](binaries, *arguments)
