"""The facts about a served model that every gRPC protocol needs."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from nb_service.backends.grpc_service.asker import Asker
from nb_service.identity import Identity
from nb_service.protocols import Limits
from nb_service.protocols.rows import Rows
from nb_service.request_calls import Calls


class ServedModel(NamedTuple):
    """A model: how to score its samples, its name, inputs and outputs, and whether it is ready.

    `inputs` and `outputs` are tensors as Open Inference's metadata describe them.
    """

    asker: Asker
    identity: Identity
    rows: Rows
    inputs: list[dict]
    outputs: list[dict]
    limits: Limits
    calls: Calls
    is_ready: Callable[[], Awaitable[bool]]
    # Whether requests may name it: if a notebook has only named predictors, no model has the service's own name.
    is_served: bool = True
    # Whether predictor yields its prediction item by item.
    streams: bool = False

    @property
    def named(self) -> Identity | None:
        """Return the identity that requests may name, if there is one."""
        return self.identity if self.is_served else None
