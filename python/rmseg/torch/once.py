"""What a user should hear once, not at every step."""

import warnings

_said: set[str] = set()


def say_once(sentence: str) -> None:
    if sentence not in _said:
        _said.add(sentence)
        warnings.warn(f"rmseg.torch: {sentence}", stacklevel=4)
