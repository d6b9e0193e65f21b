# Builds a slim image from the image that `s2i build` made. Needs no network and no build context:
#
#   docker build --network none --build-arg SERVICE=my-service -t my-service-slim - < s2i/runtime.Dockerfile
#
# Everything that it runs is in the service image, so the tool always fits the image.
ARG SERVICE

# Find the files that serving needs by sending requests to the service. Files that it writes meanwhile stay in this stage.
FROM ${SERVICE} AS planned
USER 0
ARG S2I_SLIM
ARG S2I_KEEP
ARG S2I_SLIM_BASE
RUN /opt/nb-builder/build/bin/python -I -c "import nb_builder" 2>/dev/null \
 || { echo "ERROR: This image was not built by nb-builder: it has no working /opt/nb-builder/build/bin/python." \
   && echo "  Why: A slim image is derived from a service image and uses the Python in it." \
   && echo "  Fix: Build a service image with the builder image first, then build this slim image again." \
   && echo "  (problem slim-no-service)" && exit 1; }
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "slim", "prepare"]

FROM ${SERVICE} AS slim
USER 0
ARG S2I_KEEP
ARG S2I_SLIM_BASE
COPY --from=planned /slim/plan.json /slim/
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "slim", "lay"]

# Variables that must be set before Python starts; the service image's others are in /opt/app-root/environment.json.
FROM scratch AS bare
ENV HOME=/opt/app-root/src \
    PATH=/opt/app-root/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    LC_ALL=C.UTF-8

# The candidate image, tested as its own user, with a shell next to it that reports a Python that doesn't start: this step
# never fails.
FROM bare AS trial
COPY --from=slim /slim/root/ /
COPY --from=slim /slim/launcher/ /slim-launcher/
USER 1001
RUN ["/slim-launcher/loader", "--library-path", "/slim-launcher", "/slim-launcher/sh", "/slim-launcher/ask"]

# If it differs, another one, with less left out.
FROM slim AS settled
ARG S2I_KEEP
ARG S2I_SLIM_BASE
COPY --from=trial /slim-launcher/said/ /slim/trial/
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "slim", "settle"]

# Usually the same as before, which costs nothing.
FROM bare AS candidate
COPY --from=settled /slim/root/ /
COPY --from=slim /slim/launcher/ /slim-launcher/
USER 1001
RUN ["/slim-launcher/loader", "--library-path", "/slim-launcher", "/slim-launcher/sh", "/slim-launcher/ask"]

FROM settled AS proved
COPY --from=candidate /slim-launcher/said/ /slim/proof/
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "slim", "prove"]

FROM scratch
COPY --from=settled /slim/root/ /
# The image requires this file, and the file exists only after a successful verification.
COPY --from=proved /slim/proved/ /
# As in `bare`; OpenShift always builds the last stage.
ENV HOME=/opt/app-root/src \
    PATH=/opt/app-root/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    LC_ALL=C.UTF-8
LABEL io.openshift.expose-services="8080:http" \
      io.nb-builder.sbom="/usr/share/nb-builder/sbom.cdx.json" \
      io.nb-builder.slim="/usr/share/nb-builder/slim.json"
EXPOSE 8080
WORKDIR /opt/app-root/src
USER 1001
CMD ["/opt/nb-builder/service/bin/python", "-I", "-u", "-m", "nb_service"]
