ARG SERVICE
FROM ${SERVICE} AS slim
USER 0
ARG S2I_SLIM
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "slim", "prepare"]

FROM scratch
COPY --from=slim /slim/root/ /
ENV HOME=/opt/app-root/src PATH=/opt/app-root/venv/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 LC_ALL=C.UTF-8
EXPOSE 8080
WORKDIR /opt/app-root/src
USER 1001
CMD ["/opt/nb-builder/service/bin/python", "-I", "-u", "-m", "nb_service"]
