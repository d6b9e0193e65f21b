# The builder image: s2i lays a repository into it and runs assemble; the result runs the service.
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS python
# Licences (copyright) stay.
# libgomp1 and libstdc++6: LightGBM and other compiled wheels look for the system's. zstd: for save-artifacts.
# man1: packages with alternatives, such as Java's, can't be installed where they can't link their manuals.
# The base image is older than some security fixes of its packages.
RUN apt-get -o Acquire::Languages=none -o Acquire::Retries=5 update \
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 upgrade -y --no-install-recommends \
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends \
        ca-certificates libgomp1 libstdc++6 python3 zstd \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* \
        /var/cache/ldconfig/aux-cache /usr/share/man/* /usr/share/locale/* \
        /usr/bin/pzstd /usr/lib/python3*/test /usr/lib/python3*/lib-dynload/_*test* /usr/lib/python3*/pydoc_data/__pycache__ \
 && mkdir -p /usr/share/man/man1 \
 && find /usr/share/doc -type f ! -name copyright -delete
# The [t] makes the bundle optional: `nb-builder builder` puts one there if it is given CA_BUNDLE.
COPY pyproject.toml .nb-builder/ca-bundle.cr[t] /opt/nb-builder/
RUN if [ -s /opt/nb-builder/ca-bundle.crt ]; then \
        cat /opt/nb-builder/ca-bundle.crt >> /etc/ssl/certs/ca-certificates.crt; \
    fi && rm -f /opt/nb-builder/ca-bundle.crt

FROM python AS environments
RUN apt-get -o Acquire::Languages=none -o Acquire::Retries=5 update \
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends python3-venv
# Where packages come from, for this stage alone: none of it is in the image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_FIND_LINKS
# Spans for OpenTelemetry: `nb-builder builder --otel`.
ARG OTEL
# Parquet, Arrow and zstd for files of samples: `nb-builder builder --batch`.
ARG BATCH
# Open Inference and TensorFlow Serving over gRPC: `nb-builder builder --grpc`.
ARG GRPC
# Libraries of buckets and hubs that weights come from: `nb-builder builder --weights`.
ARG WEIGHTS
# Clients of message brokers: `nb-builder builder --bus nats,redis`.
ARG BUS
# The date of all files of ours, in seconds since 1970: with it two builds of one commit come to the same files.
ARG SOURCE_DATE_EPOCH
COPY s2i /opt/nb-builder/s2i
COPY app-skeleton /opt/nb-builder/app-skeleton
# What `explain` prints.
COPY docs/reference/problems.md /opt/nb-builder/docs/reference/problems.md
# One cache for all environments: what is in several is one file with several names, and weighs once.
# Compiled (by nb_builder.image_trim) here, because the user of the image can't write next to the modules.
# Readable for that user, whatever the umask of the clone was.
RUN cd /opt/nb-builder && export UV_CACHE_DIR=/opt/nb-builder/cache && chmod -R u=rwX,go=rX . \
 && PIP_CERT=/etc/ssl/certs/ca-certificates.crt s2i/install . \
 && rm -rf cache && find . -name .lock -delete \
 && build/bin/python -I -m nb_builder.image_trim . \
 && mkdir /opt/commands \
 && service/bin/python -I -c 'import nb_service.backends as all; print(*all.names(), sep="\n")' \
        | while read -r name; do ln -s /usr/libexec/s2i/run "/opt/commands/${name}"; done \
 && ln -s /usr/libexec/s2i/run /opt/commands/ready

# Pythons for notebooks in addition to Debian's own, with the overlays that run their cells: `nb-builder builder --pythons "3.12 3.14"`.
FROM environments AS pythons
ARG PYTHONS
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_FIND_LINKS
ARG UV_PYTHON_INSTALL_MIRROR
ARG UV_PYTHON_DOWNLOADS_JSON_URL
RUN mkdir -p /opt/python && cd /opt/nb-builder \
 && if [ -n "${PYTHONS}" ]; then \
        export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_CACHE_DIR=/tmp/uv-cache \
     && build/bin/python -I -m nb_builder.baked_pythons /opt/nb-builder /opt/python ${PYTHONS} \
     && rm -rf /tmp/uv-cache && chmod -R go=rX /opt/python overlay; \
    fi

FROM python
# For packages that have no wheel and are built from their source: `nb-builder builder --compilers`. For notebooks that need
# packages of the system: `nb-builder builder --apt "graphviz libgl1"`; git, for requirements that are git repositories, is
# 100 MB with what it needs.
ARG COMPILERS
ARG APT
RUN if [ -n "${COMPILERS}${APT}" ]; then \
        apt-get -o Acquire::Languages=none -o Acquire::Retries=5 update \
     && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends \
            ${COMPILERS:+gcc g++ gfortran make pkg-config python3-dev} ${APT} \
     && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* \
     && find /usr/share/doc -type f ! -name copyright -delete; \
    fi
ARG VERSION=dev
LABEL io.k8s.display-name="nb-builder" \
      io.k8s.description="Turns a git repository with a Jupyter notebook into a prediction service." \
      io.openshift.expose-services="8080:http" \
      io.openshift.s2i.scripts-url="image:///usr/libexec/s2i" \
      io.s2i.scripts-url="image:///usr/libexec/s2i" \
      io.openshift.tags="builder,python,jupyter,notebook,machine-learning" \
      io.openshift.builder-version="${VERSION}" \
      name="nb-builder" \
      version="${VERSION}" \
      summary="Source-to-image builder for Jupyter notebooks" \
      description="Turns a git repository with a Jupyter notebook into a prediction service." \
      usage="s2i build <git repository> nb-builder <image to make>" \
      maintainer="the nb-builder project"
# UV_PYTHON_INSTALL_DIR: Pythons that builds download are part of the service, but not of the repository's copy.
# USER and LOGNAME: getpass.getuser() answers from them, also where the UID has no passwd entry.
# UV_NO_CACHE, VIRTUALENV_…: no cache in the image; virtualenv takes one that it can't make as temporary.
ENV APP_ROOT=/opt/app-root \
    UV_PYTHON_INSTALL_DIR=/opt/app-root/python \
    HOME=/opt/app-root/src \
    USER=default \
    LOGNAME=default \
    NB_BUILDER_HOME=/opt/nb-builder \
    S2I_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    STI_SCRIPTS_URL=image:///usr/libexec/s2i \
    STI_SCRIPTS_PATH=/usr/libexec/s2i \
    PATH=/opt/app-root/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    LC_ALL=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONIOENCODING=UTF-8 \
    PIP_NO_CACHE_DIR=off \
    UV_NO_CACHE=1 \
    VIRTUALENV_OVERRIDE_APP_DATA=/dev/null/none
# Commands on PATH, because the entry point only executes them: `docker run nb-builder check`, `… --help`.
# Group 0 and group-writable: OpenShift runs images as a UID of its own choice, always in group 0.
RUN useradd --uid 1001 --gid 0 --no-log-init --no-create-home --home-dir /opt/app-root/src --shell /usr/sbin/nologin default \
 && ln -s /opt/nb-builder/s2i/check /usr/local/bin/check \
 && ln -s /opt/nb-builder/s2i/explain /usr/local/bin/explain \
 && ln -s /usr/libexec/s2i/run /usr/local/bin/serve \
 && ln -s /usr/libexec/s2i/usage /usr/local/bin/--help \
 && ln -s /usr/libexec/s2i/usage /usr/local/bin/-h \
 && mkdir -p /opt/app-root/src /opt/app-root/secrets \
 && chown -R 1001:0 /opt/app-root \
 && chmod -R u=rwX,g=u,o=rX /opt/app-root
COPY --from=pythons /opt/nb-builder /opt/nb-builder
COPY --from=pythons /opt/python /opt/python
# `docker run my-service batch`: each back end is a command by its name; and `ready`, for health checks.
COPY --from=environments /opt/commands/ /usr/local/bin/
COPY --from=environments /opt/nb-builder/s2i/bin /usr/libexec/s2i
WORKDIR /opt/app-root/src
EXPOSE 8080
USER 1001
ENTRYPOINT ["/usr/libexec/s2i/command"]
CMD ["/usr/libexec/s2i/usage"]
