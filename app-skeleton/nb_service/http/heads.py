"""Heads of requests that were read before: a client sends the same one with each of its samples."""

END = b"\r\n\r\n"
LONGEST_HEAD = 2048
MOST_HEADS = 512


class Heads:
    """Makes requests that come whole, of the heads that `parser_class` (a LaneParser) has read before."""

    def __init__(self, parser_class, adj) -> None:
        self._parser_class = parser_class
        self._adj = adj
        self._known: dict = {}

    def request_in(self, data: bytes):
        """Return the request that `data` is, neither less nor more; None where it must be read step by step."""
        end = data.find(END) + len(END)
        if not len(END) < end <= LONGEST_HEAD:
            return None
        head = data[:end]
        known = self._known.get(head)
        if known is None:
            known = self._learn(head)
        if known.completed or len(data) - end != known.content_length:
            return None
        return known.again(data[end:])

    def _learn(self, head: bytes):
        """Return what the parser makes of a head, completed where no body of a known length can follow."""
        if len(self._known) >= MOST_HEADS:
            # Heads that differ in each request, by an id in them, must not fill the memory.
            self._known.clear()
        known = self._known[head] = self._parser_class(self._adj)
        known.received(head)
        if known.chunked or known.expect_continue:
            known.completed = True
        return known
