"""The one exception of the set-up: what is wrong, and what to do about it."""


class SetupError(RuntimeError):
    """Something of this machine prevents the portal from running.

    ``str(error)`` is one French sentence; ``hint`` is the command or the action that mends it.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint
