"""What `./strata notebooks` tells Jupyter: notebooks are saved without outputs,
since they are kept without them."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import nbformat
import tool


def save_clean(model, **_):
    """Cleans a notebook on its way to the disk."""
    if model['type'] == 'notebook':
        model['content'] = tool.clean(nbformat.from_dict(model['content']))


get_config().FileContentsManager.pre_save_hook = save_clean
