"""Listeners for tests: nobody looks at a terminal."""

from langseg.descriptors.generation.report import GenerateReport


class Quiet:
    """No terminal; ``faults`` are the reasons why attempts failed."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def on_event(self, kind: str, report: GenerateReport) -> None:
        """Nobody looks."""

    def on_wait(self, what: str) -> None:
        """Nobody waits."""

    def on_fault(self, reason: str) -> None:
        self.faults.append(reason)


def no_bar(done: int, total: int, note: str = "", phase: str = "", mark: bool = False) -> None:
    """An ``Advance`` that shows nothing."""
