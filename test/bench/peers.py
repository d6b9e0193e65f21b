"""The servers that the bench compares: what is installed for each, how it starts, and what it is asked."""

import sys
from dataclasses import dataclass, replace

SAMPLE = "[0.2, 0.7]"
OURS = ("nb", "nb-batch")
V2 = '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.2, 0.7]}]}'


@dataclass(frozen=True)
class Peer:
    """One server: what pip installs for it, how it starts ({port} is filled in), and what it is asked."""

    name: str
    says: str
    packages: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    path: str = "/predict"
    body: str = SAMPLE
    kind: str = "application/json"
    # Whose environment it is run in, where it needs none of its own; lines of MLServer's settings.json.
    shares: str = ""
    settings: tuple = ()
    # The Python that it needs, where that is not the model's own.
    python: str = ""
    # The commit of ours that it is served by, where that is not what lies here.
    commit: str = ""


PEERS = (
    Peer("nb", "nb-builder, 2 scorers"),
    Peer("nb-batch", "nb-builder with batch_predictor, 2 scorers"),
    Peer(
        "prototype",
        "Flask's development server, form field (2018)",
        ("flask",),
        ("python", "flask_app.py", "{port}"),
        path="/form",
        body="json_args=%5B0.2%2C0.7%5D",
        kind="application/x-www-form-urlencoded",
    ),
    Peer(
        "waitress",
        "Flask + waitress, defaults",
        ("flask", "waitress"),
        ("waitress-serve", "--port={port}", "flask_app:app"),
    ),
    Peer(
        "gunicorn",
        "Flask + gunicorn gthread, 2 workers x 4 threads",
        ("flask", "gunicorn"),
        ("gunicorn", "-b127.0.0.1:{port}", "-w2", "-kgthread", "--threads=4", "flask_app:app"),
    ),
    Peer(
        "fastapi",
        "FastAPI + uvicorn, 2 workers",
        ("fastapi", "uvicorn[standard]"),
        ("uvicorn", "--port={port}", "--workers=2", "--no-access-log", "fastapi_app:app"),
    ),
    Peer(
        "asgi",
        "bare ASGI + uvicorn, 2 workers",
        ("uvicorn[standard]",),
        ("uvicorn", "--port={port}", "--workers=2", "--no-access-log", "asgi_app:app"),
    ),
    Peer(
        "granian",
        "granian, bare WSGI, 2 workers",
        ("granian",),
        ("granian", "--port={port}", "--interface=wsgi", "--workers=2", "--no-access-log", "wsgi_app:app"),
    ),
    Peer(
        "mlserver",
        "MLServer, its default of one parallel worker",
        ("mlserver", "uvloop<0.22"),
        ("mlserver", "start", "{folder}"),
        path="/v2/models/kmeans/infer",
        body=V2,
    ),
    Peer(
        "bentoml",
        "BentoML, 2 workers",
        ("bentoml",),
        ("bentoml", "serve", "bento_service:Kmeans", "--port={port}"),
        body='{"x": [0.2, 0.7]}',
    ),
    Peer(
        "mlserver-alone",
        "MLServer without workers (parallel_workers 0)",
        command=("mlserver", "start", "{folder}"),
        path="/v2/models/kmeans/infer",
        body=V2,
        shares="mlserver",
        settings=(("parallel_workers", 0),),
    ),
    Peer(
        "mlflow",
        "mlflow's own scoring server, 2 workers",
        ("mlflow",),
        ("python", "mlflow_service.py", "{port}", "{folder}"),
        path="/invocations",
        body='{"inputs": [[0.2, 0.7]]}',
    ),
    Peer("ray", "Ray Serve, @serve.batch, 2 replicas", ("ray[serve]",), ("python", "ray_service.py", "{port}")),
    Peer(
        "triton",
        "NVIDIA Triton (nvidia-pytriton), dynamic batcher",
        # With numpy 2 it answers empty tensors.
        ("nvidia-pytriton", "numpy<2"),
        ("python", "triton_service.py", "{port}"),
        # Its server loads the system's libpython, whatever Python starts it.
        python="/usr/bin/python3",
        path="/v2/models/kmeans/infer",
        body=V2,
    ),
)


def earlier(commit: str) -> list[Peer]:
    """Return our own services as that commit serves them; none without a commit."""
    ours = [peer for peer in PEERS if peer.name in OURS] if commit else []
    return [replace(peer, name=f"{peer.name}-before", says=f"{peer.says}, {commit}", commit=commit) for peer in ours]


def wanted(names: str, commit: str = "") -> list[Peer]:
    """Return the peers with these names, or all, and ours of `commit`; raise SystemExit for an unknown name."""
    chosen = names.replace(",", " ").split()
    known = {peer.name: peer for peer in (*PEERS, *earlier(commit))}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        sys.exit(f"there is no peer {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in chosen] or list(known.values())
