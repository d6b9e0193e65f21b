# Adds to a builder image the Python of another image: for 3.6 and 3.7, which uv can't download.
# nb-builder builder --pythons 3.6 builds it, after the builder image itself.
ARG BUILDER=nb-builder
ARG PYTHON_IMAGE=python:3.6-slim

FROM ${PYTHON_IMAGE} AS source
USER 0
COPY s2i/python_from_image/collect.py /collect.py
RUN python3 /collect.py /collected && ls /collected >/minor

FROM ${BUILDER}
# Package sources, for this build only.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_FIND_LINKS
USER 0
COPY --from=source /collected/ /opt/python/
COPY --from=source /minor /opt/python-from-image/
COPY s2i/python_from_image/settle.py /opt/python-from-image/
# Files of lower layers stay untouched: even a changed mode would copy them.
RUN minor="$(cat /opt/python-from-image/minor)" \
 && /opt/nb-builder/build/bin/python -I /opt/python-from-image/settle.py "/opt/python/${minor}" "${minor}" \
 && rm -r /opt/python-from-image \
 && export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_CACHE_DIR=/tmp/uv-cache HOME=/root \
 && /opt/nb-builder/build/bin/python -I -m nb_builder.baked_pythons /opt/nb-builder /opt/python \
 && rm -rf /tmp/uv-cache \
 && { "/opt/python/${minor}/bin/python${minor}" -I -m compileall -q "/opt/python/${minor}/lib" >/dev/null || true; } \
 && chmod -R go=rX "/opt/python/${minor}" "/opt/nb-builder/overlay/${minor}"
USER 1001
