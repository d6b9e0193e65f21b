"""Debian's proxies and Prometheus, started as the public images are: those are not reached everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from engine import docker, machines

# The image that docs/deploy names: Debian's packages, and how the public one is started, and as whom.
PUBLIC = {
    "haproxy:3.2-alpine": (
        ("haproxy",),
        'USER haproxy\nCMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]',
    ),
    "nginx:1.28": (("nginx-light", "libnginx-mod-http-js"), 'CMD ["nginx", "-g", "daemon off;"]'),
    "prom/prometheus:v3.5.0": (
        ("prometheus",),
        """\
RUN mkdir /prometheus && chown nobody /prometheus
USER nobody
VOLUME /prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
""",
    ),
}


def made(public: str) -> str:
    """Return the name of our image in the place of a public one; raise Missing where it can't be made."""
    packages, start = PUBLIC[public]
    name = f"{machines.image(packages[0], 'bookworm', *packages)}-started"
    docker.docker("build", "--tag", name, "-", stdin=f"FROM {name.removesuffix('-started')}\n{start}\n".encode())
    return name


@contextmanager
def named(*public: str) -> Iterator[None]:
    """Give our images public names that are free, until the block exits."""
    lacking = [name for name in public if not docker.exists(name)]
    for name in lacking:
        docker.docker("tag", made(name), name)
    try:
        yield
    finally:
        for name in lacking:
            docker.docker("image", "rm", name, ok=False)
