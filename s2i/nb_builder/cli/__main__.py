"""Entry point of `nb-builder`: parses arguments, prints problems, and determines the exit status."""

import argparse
import os
import platform
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nb_scorer.common.problem import Problem

from nb_builder.cli import commands, completion, deployment, engine, help_text, manifests
from nb_builder.cli.calls import Call, as_json, report
from nb_builder.cli.problems import PlatformUnsupported
from nb_builder.common.log import Log

DESCRIPTION = "nb-builder turns a git repository with a Jupyter notebook into a tested prediction service."
TARGET = "a folder, a notebook or a git URL (default: the current folder)"
# Commands whose arguments, including --help, are parsed by the program that they call.
PASSED_ON = ("diff", "ab-report")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")

Add = Callable[..., argparse.Action]


class Command(NamedTuple):
    """One command: its summary, the function it calls, its arguments, and the settings that its help lists."""

    help: str
    call: Callable[[Call, commands.Made], int]
    add_arguments: Callable[[Add], None]
    settings: tuple[str, ...] = ()
    # Whether the program that the command calls writes the JSON of --json itself.
    speaks_json: bool = False


def _no_arguments(add: Add) -> None:
    """Add no arguments."""


def _target(add: Add) -> None:
    add("target", nargs="?", default=".", metavar="TARGET", help=TARGET)
    add(
        "-e",
        dest="variables",
        action="append",
        metavar="NAME=VALUE",
        help="set a build or service setting (repeatable)",
    )


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= len("65535") and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to 65535")
    return int(text)


def _run(add: Add) -> None:
    _target(add)
    add("--port", type=_port, help="port on 127.0.0.1; 0 picks a free one (default: 8080, or the next free port)")
    add(
        "--model",
        default="",
        metavar="FILE|REFERENCE",
        help="serve a model file written by `zipapp`, or one from a registry, instead of building",
    )
    add("--key", default="", metavar="FILE", help="public key of the model's signer")
    add("--yes", action="store_true", help="for a notebook without predictor: accept the plan without asking")
    add("--dry-run", action="store_true", help="for a notebook without predictor: only show the plan")
    add("--fix", action="store_true", help="write the plan into the notebook after you accept it")


def _check(add: Add) -> None:
    add("target", nargs="?", default=".", metavar="TARGET", help=TARGET)
    add("--fix", action="store_true", help="write the requirements, and draft a predictor if there is none")
    add(
        "--run-requirements",
        action="store_true",
        help="also run the code that computes requirements (otherwise no code of the repository runs)",
    )
    add("--python", default="", metavar="PYTHON", help="Python environment that --fix reads package versions from")


def _new(add: Add) -> None:
    add("folder", metavar="FOLDER", help="a new or empty folder")
    add("--name", default="", metavar="IMAGE", help="image name for its README (default: the folder's name)")


def _dev(add: Add) -> None:
    _target(add)
    add("--port", type=_port, help="port of the service")
    add("--lab", type=_port, metavar="PORT", help="port of JupyterLab; 0 for none")


def _batch(add: Add) -> None:
    add("target", metavar="TARGET", help="a folder, a notebook or a git URL")
    add(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="…",
        help="INPUT… OUTPUT and options; `batch . --help` lists them",
    )


def _python_versions(text: str) -> list[str]:
    try:
        return engine.python_versions_in(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _platform(add: Add) -> None:
    add("--platform", default="", help="target platform, such as linux/arm64 (default: the engine's own)")


def _builder(add: Add) -> None:
    _platform(add)
    add("--tag", "-t", default=engine.BUILDER, metavar="IMAGE", help="image name")
    add("--base", default="debian:trixie-slim", metavar="IMAGE", help="base image")
    add(
        "--ca-bundle",
        default=engine.bundle(os.environ),
        metavar="FILE",
        help="PEM file with certificate authorities to trust in addition to Debian's",
    )
    add("--apt", default="", metavar="PACKAGES", help="Debian packages that notebooks need, in quotes")
    add(
        "--pythons",
        default=[],
        type=_python_versions,
        metavar="VERSIONS",
        help="Python versions for notebooks, in quotes, such as '3.6 3.12 3.14'",
    )
    add(
        "--python-image",
        default="python:{}-slim",
        metavar="IMAGE",
        help="image that Python 3.6 or 3.7 is copied from; {} is the version",
    )
    add("--bus", default="", metavar="BROKERS", help="broker clients, such as nats,redis")
    for name, text in (
        ("compilers", "include compilers, for packages without a wheel"),
        ("otel", "include OpenTelemetry"),
        ("batch", "include Parquet, Arrow and zstd"),
        ("grpc", "include gRPC"),
        ("weights", "include the libraries that fetch weights from buckets and hubs"),
    ):
        add(f"--{name}", action="store_true", help=text)


def _build(add: Add) -> None:
    _target(add)
    _platform(add)
    add("--tag", "-t", default="", metavar="IMAGE", help="image name (default: the repository's name)")
    add("--builder", default=engine.BUILDER, metavar="IMAGE", help="builder image; built first if it does not exist")
    add("--without-s2i", action="store_true", help="build with a generated Dockerfile even if s2i is installed")


def _index(add: Add) -> None:
    add("name", metavar="NAME", help="destination, such as registry.example.org/name:tag")
    add("images", nargs="+", metavar="IMAGE", help="images on this machine, one for each architecture")


def _derived(*options: tuple[str, str, str]) -> Callable[[Add], None]:
    def add_arguments(add: Add) -> None:
        _service(add)
        add("--tag", "-t", default="", metavar="IMAGE", help="name of the new image")
        for name, metavar, text in options:
            add(f"--{name}", default="", metavar=metavar, help=text)

    return add_arguments


def _service(add: Add) -> None:
    add("service", metavar="SERVICE", help="the service image")


def _spark_model(add: Add) -> None:
    _service(add)
    add("--output", "-o", default="model.zip", metavar="FILE", help="the archive (default: model.zip)")


def _zipapp(add: Add) -> None:
    _service(add)
    add("--output", "-o", default="model.pyz", metavar="FILE", help="the file (default: model.pyz)")
    add("--wheels", action="store_true", help="include the model's packages")
    _key(add, "private key to sign with", required=False)


def _key(add: Add, text: str, *, required: bool = True) -> None:
    add("--key", required=required, default="", metavar="FILE", help=text)
    add("--certificate", default="", metavar="FILE", help="certificate of the key")


def _push(add: Add) -> None:
    add("file", metavar="FILE", help="a model file written by `zipapp`")
    add("to", metavar="REFERENCE", help="destination, such as registry.example.org/name:tag")


def _pull(add: Add) -> None:
    add("reference", metavar="REFERENCE", help="model to pull, such as registry.example.org/name@sha256:…")
    add("--output", "-o", default="model.pyz", metavar="FILE", help="the file (default: model.pyz)")
    add("--key", default="", metavar="FILE", help="public key of the model's signer")


def _sign(add: Add) -> None:
    add("service", metavar="SERVICE|FILE", help="the service image, or a model file written by `zipapp`")
    _key(add, "private key: PEM, on the curve P-256, P-384 or P-521")
    add("--tag", "-t", default="", metavar="IMAGE", help="another name for the signed image")


def _verify(add: Add) -> None:
    add("service", metavar="SERVICE|FILE", help="the service image, or a model file written by `zipapp`")
    add("--key", required=True, metavar="FILE", help="public key")


def _rebuild_check(add: Add) -> None:
    _service(add)
    add("--builder", default=engine.BUILDER, metavar="IMAGE", help="the builder image that it was built with")


def _audit(add: Add) -> None:
    add("image", metavar="IMAGE|SBOM", help="a slim image, or a file with a CycloneDX SBOM")
    add("rest", nargs=argparse.REMAINDER, metavar="…", help="options of pip-audit")


def _manifests(add: Add) -> None:
    add("--for", dest="platform", required=True, choices=list(manifests.PLATFORMS), help="target platform")
    add(
        "--image",
        default="",
        help="the service image in your registry; for OpenShift, Shipwright and Tekton, the builder image",
    )
    add("--name", default="my-service", help="name of the service")
    add("--git", default="", metavar="URL", help="for OpenShift, Shipwright and Tekton: the repository to build")
    add("--output", "-o", default="", metavar="FOLDER", help="a new folder (default: deploy-PLATFORM)")


def _seconds(text: str) -> int:
    if not (text.isdecimal() and len(text) <= len("99999") and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 99999")
    return int(text)


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text} is not the name of a namespace")
    return text


def _cluster(add: Add) -> None:
    add("--to", required=True, choices=deployment.PLATFORMS, help="the cluster's platform")
    add("--namespace", type=_namespace, help="namespace (default: that of your kubeconfig)")


def _deploy(add: Add) -> None:
    add("target", metavar="TARGET|IMAGE", help="a folder, a notebook or a git URL to build, or an image in a registry")
    _cluster(add)
    add("--name", default="", help="name of the service (default: that of the repository or of the image)")
    add("--registry", default="", metavar="REPOSITORY", help="push the image there, such as registry.example.org/team")
    add("--host", default="", help="host name of an Ingress or a Route")
    add("--timeout", type=_seconds, default=300, metavar="SECONDS", help="for the pods to become ready (default: 300)")
    add("--dry-run", action="store_true", help="only print the manifests")
    add("--builder", default=engine.BUILDER, metavar="IMAGE", help="builder image for a build")
    add("--without-s2i", action="store_true", help="build with a generated Dockerfile even if s2i is installed")
    _platform(add)
    add("-e", dest="variables", action="append", metavar="NAME=VALUE", help="set a build setting (repeatable)")


def _undeploy(add: Add) -> None:
    add("name", metavar="NAME", help="the service's name")
    _cluster(add)


def _clean(add: Add) -> None:
    add("target", nargs="?", metavar="TARGET", help="only the local build of TARGET")
    add("--old", action="store_true", help="only the files of other versions, left by upgrades")


def _explain(add: Add) -> None:
    add(
        "code", nargs="?", default="", metavar="CODE", help="code of a problem, such as cell-failed (default: list all)"
    )


def _completion(add: Add) -> None:
    add("shell", choices=completion.SHELLS)


_KEYS = ("S2I_SIGN_KEY_FILE", "S2I_SIGN_CERTIFICATE_FILE")
COMMANDS: dict[str, Command] = {
    "run": Command(
        "build a notebook here, serve it and send it one sample", commands.run, _run, (help_text.BUILD,), True
    ),
    "check": Command("check a notebook for errors without running its cells", commands.check, _check, (), True),
    "new": Command("create a small repository that builds", commands.new, _new, (), True),
    "dev": Command("rebuild and serve at each save, next to JupyterLab", commands.dev, _dev),
    "batch": Command("build a notebook here and score files with it", commands.batch, _batch, (), True),
    "build": Command("build the service image of a notebook", commands.build, _build, (help_text.BUILD,)),
    "builder": Command("build the builder image", commands.builder, _builder),
    "index": Command("push images for several architectures under one name", commands.index, _index),
    "slim": Command(
        "build and verify a slim image with only the files that the service uses",
        commands.slim,
        _derived(
            ("level", "LEVEL", "off, distributions or files"),
            ("keep", "NAMES", "distributions to keep whole"),
            ("base", "BASE", "scratch or shell"),
        ),
        ("S2I_SLIM", "S2I_KEEP", "S2I_SLIM_BASE"),
    ),
    "native": Command(
        "compile the model to a small native image without Python, or explain why it can't be compiled",
        commands.native,
        _derived(
            ("platform", "PLATFORM", "linux/amd64 or linux/arm64"),
            ("compiler", "IMAGE", "image with gcc or Debian packages"),
        ),
    ),
    "zipapp": Command(
        "write the model of a service image as one file that Python runs", commands.zipapp, _zipapp, _KEYS
    ),
    "spark-model": Command("write the model archive that Spark jobs load", commands.spark_model, _spark_model),
    "push": Command("push a model file to a registry", commands.push, _push),
    "pull": Command("pull a model file from a registry", commands.pull, _pull),
    "sign": Command("sign a model with a private key", commands.sign, _sign, _KEYS),
    "verify": Command("verify the signature of a model and show its provenance", commands.verify, _verify),
    "diff": Command("compare predictions, speed and memory of two services", commands.diff, _no_arguments, (), True),
    "ab-report": Command(
        "report which of two versions performs better, based on Prometheus metrics",
        commands.ab_report,
        _no_arguments,
        (),
        True,
    ),
    "audit": Command("look up known vulnerabilities of a slim image", commands.audit, _audit),
    "rebuild-check": Command("build an image again and list the differences", commands.rebuild_check, _rebuild_check),
    "export-manifests": Command("write manifests for a platform", commands.export_manifests, _manifests),
    "deploy": Command("deploy a notebook or an image to a cluster, and print its address", commands.deploy, _deploy),
    "undeploy": Command("remove a service that deploy created", commands.undeploy, _undeploy),
    "doctor": Command(
        "check this machine: what is installed, what is missing, how to get it", commands.show_doctor, _no_arguments
    ),
    "explain": Command(
        "print what a problem's code means, why it matters and how to fix it", commands.explain, _explain
    ),
    "settings": Command("list all settings of builds and services", commands.settings, _no_arguments),
    "completion": Command("print the completion for a shell", commands.show_completion, _completion),
    "clean": Command("remove nb-builder's own environments", commands.clean, _clean),
    "version": Command("print the version", commands.show_version, _no_arguments),
}


def parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser], dict[str, list[str]]]:
    """Return the main parser, the command parsers by name, and the long options of each command."""
    parser = argparse.ArgumentParser(
        prog="nb-builder",
        description=DESCRIPTION,
        epilog="Run 'nb-builder COMMAND --help' for details.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    by_name, options = {}, {}
    for name, command in COMMANDS.items():
        text = f"{command.help[0].upper()}{command.help[1:]}."
        made = by_name[name] = choices.add_parser(
            name,
            help=command.help,
            description=text,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(made.add_argument)
        made.add_argument(
            "--json", action="store_true", help="print the result as JSON on stdout and everything else on stderr"
        )
        # The options that its help lists; argparse has no public list of them.
        options[name] = sorted(set(_OPTION.findall(made.format_help())))
    return parser, by_name, options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 for a problem, 2 for wrong usage, 130 after Ctrl-C, or the command's own status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # As an exception, so that every `finally` runs.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if sys.platform in ("win32", "cygwin"):
        return _show(PlatformUnsupported(system=platform.system()))
    if given[:1] == ["--version"]:
        given[:1] = ["version"]
    if given[:1] == ["--json"] and len(given) > 1:
        # An option of every command, also accepted before the command.
        given[:2] = [given[1], given[0]]
    if given[:1] and given[0] in PASSED_ON:
        return _called(argparse.Namespace(command=given[0], rest=given[1:], json="--json" in given))
    parser, by_name, options = parsers()
    if not given:
        parser.print_help()
        return 2
    if {"-h", "--help"} & set(given[1:2]) and given[0] in COMMANDS and COMMANDS[given[0]].settings:
        by_name[given[0]].epilog = help_text.shown(help_text.chosen(COMMANDS[given[0]].settings))
    parsed, unknown = parser.parse_known_args(given)
    if unknown:
        # The command's own parser reports them, because its usage lists its arguments.
        by_name.get(parsed.command, parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if parsed.command == "completion":
        parsed.completed = (options, {name: row.help for name, row in COMMANDS.items()})
    return _called(parsed)


def _called(given: argparse.Namespace) -> int:
    command = COMMANDS[given.command]
    given.speaks_json = command.speaks_json
    try:
        call = Call(given, os.environ)
        with as_json(given, call) as made:
            made["exit_status"] = status = command.call(call, made)
        # Flush now: a failure while the interpreter exits can't be handled here.
        sys.stdout.flush()
    except Problem as problem:
        if given.json:
            report(given.command, problem.exit_status, problem.as_json(), {})
            return problem.exit_status
        return _show(problem)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr, flush=True)
        return 130
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does. Keep Python's own flush at exit from reporting an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def _show(problem: Problem) -> int:
    Log(sys.stderr).line(str(problem))
    return problem.exit_status


if __name__ == "__main__":
    sys.exit(main())
