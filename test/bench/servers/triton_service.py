"""NVIDIA Triton through pytriton, with its dynamic batcher and no delay."""

import socket
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


def free_port():
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


grpc_port = int(sys.argv[2]) if sys.argv[2:] else free_port()
ports = {"http_port": int(sys.argv[1]), "grpc_port": grpc_port, "metrics_port": free_port()}
with Triton(config=TritonConfig(**ports)) as triton:
    config = ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=0))
    triton.bind(
        model_name="kmeans",
        infer_func=infer,
        inputs=[Tensor(name="x", dtype=np.float64, shape=(2,))],
        outputs=[Tensor(name="y", dtype=np.int64, shape=(1,))],
        config=config,
    )
    triton.serve()
