"""Kafka: Apache's own jars from Maven Central, for the machine's Java."""

import os
import shutil
from pathlib import Path

import shared
from engine import provide

VERSION = "4.1.2"
# The broker, its tools such as the console's consumer, and something that writes down what they say.
WANTED = {
    ("org.apache.kafka", "kafka_2.13"): VERSION,
    ("org.apache.kafka", "kafka-tools"): VERSION,
    ("org.slf4j", "slf4j-simple"): "1.7.36",
}


def command(main: str, *arguments: str) -> list[str]:
    """Return the command that runs a class of Kafka with little memory; raise Missing where it can't be had."""
    with shared.alone("kafka"):
        jars = _jars()
    # Half of the compiler: the tests wait for starts, not for speed.
    memory = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    return [provide.program("java", "default-jre-headless"), *memory, "-cp", f"{jars}/*", main, *arguments]


def _jars() -> Path:
    folder = provide.KEPT / f"kafka-{VERSION}"
    if folder.exists():
        return folder
    maven = provide.program("mvn", "maven")
    provide.say(f"fetching Kafka {VERSION} from Maven Central")
    making = provide.KEPT / "kafka.new"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for (group, name), version in WANTED.items()
    )
    (making / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>kafka</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{wanted}</dependencies></project>"
    )
    provide.call(
        maven, "-q", "-B", f"-Dmaven.repo.local={making}/repository", "dependency:copy-dependencies",
        f"-DoutputDirectory={making}/jars", cwd=making,
    )  # fmt: skip
    # Only what is whole has the name.
    os.replace(making / "jars", folder)
    shutil.rmtree(making)
    return folder
