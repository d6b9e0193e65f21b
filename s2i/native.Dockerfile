# Proves the native program of the image that `s2i build` made: `nb-builder native` runs it, and makes an image of what the
# proof leaves. It needs no build context.
ARG SERVICE
# What native-compiler.Dockerfile has made.
ARG COMPILER

FROM ${SERVICE} AS translated
ARG RUN
LABEL io.nb-builder.native.run="${RUN}"
USER 0
# The machine that is compiled for, where it is not this one.
ARG MACHINE
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "native", "translate"]

# The same program twice: as it will be, and one that also tells which sides of predictor's branches ran.
FROM ${COMPILER} AS compiled
ARG RUN
LABEL io.nb-builder.native.run="${RUN}"
COPY --from=translated /native /native
RUN ["sh", "/native/compile"]

# There is no program in its folder without a proof.
FROM translated AS proved
COPY --from=compiled /native/made/ /native/
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "native", "prove"]
