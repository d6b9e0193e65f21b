#!/bin/sh
# Stands in for the start script of Spark's images, which can't be had everywhere: runs the executor that the variables
# of its pod, set by the driver, describe.
set -eu
[ "$1" = executor ]
# Options of Java are numbered from 0 and may contain blanks.
number=0
set --
while option=$(printenv "SPARK_JAVA_OPT_${number}"); do
    set -- "$@" "${option}"
    number=$((number + 1))
done
exec /usr/bin/tini -s -- "${JAVA_HOME}/bin/java" "$@" \
    "-Xms${SPARK_EXECUTOR_MEMORY}" "-Xmx${SPARK_EXECUTOR_MEMORY}" --class-path "${SPARK_CLASSPATH:-}:${SPARK_HOME}/jars/*" \
    org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
    --driver-url "${SPARK_DRIVER_URL}" --executor-id "${SPARK_EXECUTOR_ID}" --cores "${SPARK_EXECUTOR_CORES}" \
    --app-id "${SPARK_APPLICATION_ID}" --hostname "${SPARK_EXECUTOR_POD_IP}" \
    --resourceProfileId "${SPARK_RESOURCE_PROFILE_ID}" --podName "${SPARK_EXECUTOR_POD_NAME}"
