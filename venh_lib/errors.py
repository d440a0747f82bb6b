"""Errors a user can act on: each message names the thing, what was expected, what was found, what to do."""


class VenhError(Exception):
    """Base of every error that venh raises on purpose; the CLI prints its message without a traceback."""


class SettingError(VenhError):
    """A setting, argument or notebook parameter that does not exist or cannot have that value."""


class VideoError(VenhError):
    """A file that is not a video, or not one that can be used here."""


class CodecError(VenhError):
    """An encoder that is missing, failed, or did not produce the stream that was asked for."""


class DataError(VenhError):
    """A data set (sample set, LDV) with something missing or inconsistent."""


class CheckpointError(VenhError):
    """A checkpoint that is cut short, altered, unsafe, or made for another network."""


class TrainingError(VenhError):
    """A training that cannot go on (a loss that is not finite, a run folder of another recipe)."""
