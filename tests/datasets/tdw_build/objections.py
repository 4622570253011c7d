"""Why the build stops."""


class Objection(Exception):  # noqa: N818  (it is what the build says, not a fault in it)
    """The controller said something that it should not have said."""


class AssetMissing(Exception):  # noqa: N818
    """An asset bundle could not be downloaded; the arguments are the lines of the log."""
