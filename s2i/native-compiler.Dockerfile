# The compiler image for `nb-builder native`: contains gcc and the Linux headers, or installs them from Debian.
ARG BASE=debian:trixie-slim
FROM ${BASE}
# The target machine, by uname's name, if it is not this one: it needs a cross-compiler, and qemu for verification.
ARG MACHINE
USER 0
RUN case "${MACHINE}" in \
      "") packages="gcc linux-libc-dev" programs="gcc" ;; \
      aarch64) packages="gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross" ;; \
      x86_64) packages="gcc-x86-64-linux-gnu linux-libc-dev-amd64-cross" ;; \
    esac \
 && if [ -n "${MACHINE}" ]; then \
      packages="${packages} qemu-user-static" programs="${MACHINE}-linux-gnu-gcc qemu-${MACHINE}-static"; \
    fi \
 && for program in ${programs}; do command -v "${program}" >/dev/null || is_missing=1; done \
 && if [ -n "${is_missing:-}" ]; then \
      apt-get -o Acquire::Languages=none -o Acquire::Retries=5 update \
      && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends ${packages}; \
    fi
