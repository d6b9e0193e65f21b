# The compiler of native programs, for `nb-builder native`: what has gcc and the headers of Linux, or gets them from Debian.
ARG BASE=debian:trixie-slim
FROM ${BASE}
# Another machine than this one, by uname's name, or nothing: for that one a cross-compiler, and qemu for the proof.
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
