"""What can go wrong before anything reaches a layer, said in one French sentence that tells what to do."""


class IngestError(RuntimeError):
    """Data could not be obtained or read; its text is shown as it is to whoever asked."""
