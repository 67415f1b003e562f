"""Find the form that a server takes, once a run, for all the requests that are under way.

In:  refusals and answers, with the form that each request had.
Out: the form of the next request; for a refusal whether to ask again, or the fault that it is.
"""

from langseg.descriptors.openai_api.fault import Fault
from langseg.descriptors.providers.openai.dialect import Dialect, Refusal


class Negotiation:
    """What a run has learnt of its server's dialect.

    Requests that were sent in a form which another one found to be refused simply go again. A
    request that is asked again after it was answered had an answer of no use, so its server did
    not hold it to the schema: it is told in words, too.

    Memory: about 60 bytes for each answer.
    """

    def __init__(self) -> None:
        self.dialect = Dialect()
        self._home = self.dialect  # the last one that brought an answer
        self._answered = False  # in this one
        self._is_over = False
        self._first: Fault | None = None
        self._asked: set[int] = set()  # hashes of keys that were answered

    def form(self, key: str) -> Dialect:
        """The form to send a request in now."""
        return self.dialect.spelt_out() if hash(key) in self._asked else self.dialect

    def answered(self, key: str, spoken: Dialect) -> None:
        """A request in this form was answered."""
        self._asked.add(hash(key))
        if spoken == self.dialect:
            self._home, self._answered = spoken, True

    def refused(self, key: str, spoken: Dialect, refusal: Refusal, fault: Fault) -> Fault | None:
        """A request in this form was turned away.

        Returns: None, to ask again in the form that ``form`` tells now; else why it has no answer:
        where no form helped, what the server said of the first.
        """
        if not refusal.may_be_of_form:
            return fault
        if spoken != self.form(key):
            return None
        if spoken != self.dialect:
            self._asked.discard(hash(key))
            return None
        lower = None if self._is_over else spoken.lower(refusal, self._answered)
        if lower is not None:
            self._first = self._first or fault
            self.dialect, self._answered = lower, False
            return None
        if self._first is None or spoken == self._home:
            return fault
        self.dialect, self._answered, self._is_over = self._home, True, True
        return self._first
