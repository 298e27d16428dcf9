"""What the tools for the chapters throw."""


class Wrong(Exception):
    """A directive that cannot be carried out."""
