# Verifies the native program of the image that `s2i build` made: `nb-builder native` runs this, and makes an image from the
# files that verification leaves. It needs no build context.
ARG SERVICE
# The image built from native-compiler.Dockerfile.
ARG COMPILER

FROM ${SERVICE} AS translated
ARG RUN
LABEL io.nb-builder.native.run="${RUN}"
USER 0
# The target machine, if it is not this one.
ARG MACHINE
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "native", "translate"]

# The program twice: the final one, and one that also reports which sides of predictor's branches ran.
FROM ${COMPILER} AS compiled
ARG RUN
LABEL io.nb-builder.native.run="${RUN}"
COPY --from=translated /native /native
RUN ["sh", "/native/compile"]

# The folder contains the program only if its verification succeeded.
FROM translated AS proved
COPY --from=compiled /native/made/ /native/
RUN ["/opt/nb-builder/build/bin/python", "-I", "-u", "-m", "nb_builder", "native", "prove"]
