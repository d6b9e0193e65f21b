"""NVIDIA Triton through pytriton, with its dynamic batcher and no delay."""

import sys

import numpy as np
from model import batch_predictor
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


@batch
def infer(x):
    """Answer what has come together."""
    return [np.array(batch_predictor(x.tolist()), dtype=np.int64).reshape(-1, 1)]


port = int(sys.argv[1])
with Triton(config=TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2)) as triton:
    config = ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=0))
    triton.bind(
        model_name="kmeans",
        infer_func=infer,
        inputs=[Tensor(name="x", dtype=np.float64, shape=(2,))],
        outputs=[Tensor(name="y", dtype=np.int64, shape=(1,))],
        config=config,
    )
    triton.serve()
