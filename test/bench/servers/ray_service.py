"""Ray Serve with its batching, as its documentation writes it."""

import sys
import time

import ray
from model import batch_predictor
from ray import serve


@serve.deployment(num_replicas=2, max_ongoing_requests=256)
class Kmeans:
    """The running example."""

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0)
    async def answer(self, samples):
        """Answer what has come together."""
        return batch_predictor(samples)

    async def __call__(self, request):
        """Answer one sample."""
        return await self.answer(await request.json())


# Its dashboard works without being asked, alongside all the others.
ray.init(include_dashboard=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(Kmeans.bind(), route_prefix="/predict")
time.sleep(1e6)
