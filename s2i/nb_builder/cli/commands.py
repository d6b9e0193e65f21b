"""The commands of `nb-builder`, one function each."""

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nb_builder.cli import (
    completion,
    deployment,
    derived_images,
    doctor,
    engine,
    environments,
    explanations,
    exported_models,
    help_text,
    installation,
    manifests,
    rebuild,
    signed_images,
)
from nb_builder.cli.calls import Call, tail
from nb_builder.cli.engine import Engine
from nb_builder.cli.installation import version
from nb_builder.cli.kubectl import Kubectl
from nb_builder.cli.problems import FileNotThere, RegistryUnset
from nb_builder.commands import app_lock, target
from nb_builder.common.log import Log
from nb_builder.repository import author_variables

Made = dict[str, Any]
Make = Callable[[Call, Engine, str, str], int]


def run(call: Call, made: Made) -> int:
    """Build a notebook on this machine and serve it, or serve a model file."""
    given = call.given
    more = {"PORT": str(given.port)} if given.port is not None else {}
    _require_files(call, "key")
    if not given.model:
        target.require(given.target)
        flags = _flags(call, "json", "yes", "dry_run", "fix")
        return call.builder("local", *flags, *_place(call), given.target, more=more)
    if given.key:
        more["S2I_VERIFY_KEY_FILE"] = given.key
    file = Path(given.model)
    if not file.exists():
        # Stored, so that the next run needs no registry.
        file = call.installation.home / "pulled-model"
        status = call.with_environment("registry", "pull", given.model, str(file), returns=True)
        if status:
            return status
    return call.builder("serve", str(file), more=more)


def dev(call: Call, made: Made) -> int:
    """Build and serve at each save, alongside JupyterLab."""
    given = call.given
    target.here(given.target)
    more = {"PORT": str(given.port)} if given.port is not None else {}
    if given.lab is not None:
        more["LAB"] = str(given.lab)
    if (more.get("LAB") or call.environ.get("LAB")) != "0":
        environments.ensure(call.installation, call.environ, "--lab")
    return call.builder("dev", given.target, more=more)


def batch(call: Call, made: Made) -> int:
    """Build a notebook on this machine, and score files with it."""
    given = call.given
    arguments = tail(given.rest)
    # If it follows TARGET, it is an option of the back end.
    given.json = given.json or "--json" in arguments
    target.require(given.target)
    return call.builder("batch", *_place(call), given.target, *_flags(call, "json"), *arguments)


def check(call: Call, made: Made) -> int:
    """Report the errors that would stop a build."""
    given = call.given
    python = ["--python", given.python] if given.python else []
    return call.builder("check", *_flags(call, "json", "fix", "run_requirements"), *python, given.target)


def new(call: Call, made: Made) -> int:
    """Create a small repository that builds."""
    given = call.given
    name = ["--name", given.name] if given.name else []
    return call.builder("new", *_flags(call, "json"), *name, given.folder)


def builder(call: Call, made: Made) -> int:
    """Build the builder image."""
    given = call.given
    arguments = [f"BASE_IMAGE={given.base}"]
    extras = ("compilers", "otel", "batch", "grpc", "weights")
    arguments += [f"{name.upper()}=1" for name in extras if getattr(given, name)]
    arguments += [f"{name.upper()}={getattr(given, name)}" for name in ("apt", "bus") if getattr(given, name)]
    minors = [minor for minor in given.pythons if minor not in engine.IN_IMAGES_ONLY]
    if minors:
        arguments.append(f"PYTHONS={' '.join(minors)}")
    docker = Engine(call.environ, "builder", given.platform)
    docker.make_builder(call.installation, given.tag, arguments, given.ca_bundle)
    for minor in given.pythons:
        if minor in engine.IN_IMAGES_ONLY:
            docker.add_python(call.installation, given.tag, given.python_image.replace("{}", minor))
    made.update(_image(docker, given.tag))
    return 0


def build(call: Call, made: Made) -> int:
    """Build a notebook's service image, with s2i if it is installed, otherwise with the engine."""
    given = call.given
    image = given.tag or engine.name_of(given.target)
    engine.require_name(image)
    docker = Engine(call.environ, "build", given.platform)
    log = Log(sys.stderr)
    with _sources(given.target, log) as (folder, notebook):
        of_author = author_variables.read(folder)
        if of_author.ignored:
            log.note(of_author.note)
        variables = {**of_author.taken, **target.choice(notebook), **call.variables}
        docker.require_builder(call.installation, given.builder)
        # s2i has no option for the platform.
        without_s2i = given.without_s2i or given.platform or docker.program != "docker"
        s2i = None if without_s2i else engine.s2i(call.environ)
        log.step(f"Building {image} with {'s2i' if s2i else docker.program}")
        if s2i:
            # s2i reads the repository's .s2i/environment itself; the values given here take precedence.
            of_builder = facts.variables if (facts := docker.find(given.builder)) else {}
            own = {name: of_builder.get(name, "") for name in of_author.ignored if name.isidentifier()}
            pairs = {**own, **target.choice(notebook), **call.variables}.items()
            options = [option for name, value in pairs for option in ("-e", f"{name}={value}")]
            arguments = [str(folder), given.builder, image, "--copy", "--pull-policy", "never", *options]
            engine.run_s2i(s2i, arguments, call.environ, image)
        else:
            docker.build_service(folder, given.builder, image, variables)
    made.update(_image(docker, image))
    log.step(f"Built {image}. To serve it: {docker.program} run -p 8080:8080 {image}")
    return 0


def index(call: Call, made: Made) -> int:
    """Push images for several architectures, and an index with one name for all."""
    given = call.given
    docker = Engine(call.environ, "index")
    docker.log.step(f"Pushing {given.name}")
    references = docker.push_index(given.name, given.images)
    made.update(index=given.name, images=references)
    docker.log.step(f"{given.name} was pushed, for {' and '.join(references)}")
    return 0


def slim(call: Call, made: Made) -> int:
    """Build the slim image of a service image, and verify it."""
    options = {"S2I_SLIM": "level", "S2I_KEEP": "keep", "S2I_SLIM_BASE": "base"}
    return _derived(call, made, derived_images.slim, "-slim", options)


def native(call: Call, made: Made) -> int:
    """Build and verify the native image of a service image, or explain why it can't be compiled."""
    return _derived(call, made, derived_images.native, "-native", {"PLATFORM": "platform", "COMPILER": "compiler"})


def spark_model(call: Call, made: Made) -> int:
    """Write a service image's model as the archive that Spark jobs load."""
    docker = _with_engine(call, "spark-model")
    return _exported(call, made, lambda part: exported_models.spark_model(docker, call.given.service, part))


def zipapp(call: Call, made: Made) -> int:
    """Write a service image's model as a single file that Python runs; sign it if a key is given."""
    given = call.given
    _require_files(call, "key", "certificate")
    docker = _with_engine(call, "zipapp")
    status = _exported(call, made, lambda part: exported_models.zipapp(call, docker, given.service, part))
    if status or not given.key:
        return status
    more = {"S2I_SIGN_KEY_FILE": given.key, "S2I_SIGN_CERTIFICATE_FILE": given.certificate}
    return call.builder("sign", str(Path(given.output).absolute()), more=more)


def push(call: Call, made: Made) -> int:
    """Push a model file to a registry."""
    _require_files(call, "file")
    made["model"] = call.given.file
    return call.with_environment("registry", "push", call.given.file, call.given.to)


def pull(call: Call, made: Made) -> int:
    """Download a model from a registry, and verify it if a key is given."""
    given = call.given
    _require_files(call, "key")

    def write(part: Path) -> int:
        status = call.with_environment("registry", "pull", given.reference, str(part), returns=True)
        if status or not given.key:
            return status
        return call.builder_module("nb_scorer.zipapp", str(part), "--key", given.key, "--verify", returns=True)

    return _exported(call, made, write)


def sign(call: Call, made: Made) -> int:
    """Sign the model in a service image or in a file, with a local key."""
    given = call.given
    _require_files(call, "key", "certificate")
    if Path(given.service).is_file():
        more = {"S2I_SIGN_KEY_FILE": given.key, "S2I_SIGN_CERTIFICATE_FILE": given.certificate}
        return call.builder("sign", given.service, more=more)
    return signed_images.sign(call, _with_engine(call, "sign"), given.service, given.tag or given.service)


def verify(call: Call, made: Made) -> int:
    """Verify the model in a service image or in a file, with a public key."""
    given = call.given
    _require_files(call, "key")
    if Path(given.service).is_file():
        return call.builder_module("nb_scorer.zipapp", given.service, "--key", given.key, "--verify")
    image = _with_engine(call, "verify").require(given.service, signed_images.WHY)
    return signed_images.verify(call, image, given.key)


def rebuild_check(call: Call, made: Made) -> int:
    """Build a service image again from the same sources, and report the differences."""
    return rebuild.check(call, _with_engine(call, "rebuild-check"), call.given.service, call.given.builder)


def diff(call: Call, made: Made) -> int:
    """Compare the predictions of two services."""
    if {"-h", "--help"} & set(call.given.rest):
        from nb_builder.commands import diff as comparison

        comparison.main(["--help"])
        return 0
    return call.builder("diff", *call.given.rest)


def ab_report(call: Call, made: Made) -> int:
    """Compare two versions in production."""
    if {"-h", "--help"} & set(call.given.rest):
        from nb_builder.commands import ab_report as reported

        reported.main(["--help"])
        return 0
    return call.builder("ab-report", *call.given.rest)


def audit(call: Call, made: Made) -> int:
    """Look up known vulnerabilities of the packages in an SBOM."""
    environments.ensure(call.installation, call.environ, "--audit")
    program = call.environ.get("DOCKER") or "docker"
    return call.builder("audit", f"--engine={program}", call.given.image, *tail(call.given.rest))


def export_manifests(call: Call, made: Made) -> int:
    """Write deployment manifests for a platform, with a service's image and name."""
    given = call.given
    folder = Path(given.output or f"deploy-{given.platform}")
    files = manifests.write(call.installation, given.platform, folder, given.image, given.name, given.git)
    made.update(folder=str(folder), files=[str(path.relative_to(folder)) for path in files])
    if not given.json:
        for path in files:
            print(path)
    return 0


def deploy(call: Call, made: Made) -> int:
    """Deploy a notebook or an image to a cluster, wait until it is ready, and print its address."""
    given = call.given
    is_source = Path(given.target).exists() or (target.is_url(given.target) and "@sha256:" not in given.target)
    name = given.name or (engine.name_of(given.target) if is_source else engine.service_of(given.target))
    manifests.require_name(name)
    if not is_source:
        engine.require_reference(given.target)
    if is_source and not given.registry:
        raise RegistryUnset(target=given.target, platform=given.to)
    wanted = deployment.Wanted(name, given.target, given.to, given.host)
    if given.dry_run:
        if is_source:
            wanted = wanted._replace(image=f"{given.registry}/{name}:latest")
        with deployment.files(call.installation, wanted) as folder:
            text = Kubectl(call.environ, given.to, given.namespace or "").run("kustomize", str(folder))
        made["manifests"] = text
        if not given.json:
            print(text, end="")
        return 0
    log = Log(sys.stderr)
    client = Kubectl(call.environ, given.to, given.namespace or "")
    if given.registry:
        image = given.target
        if is_source:
            image = given.tag = name
            build(call, made)
        wanted = wanted._replace(image=_with_engine(call, "deploy").publish(image, f"{given.registry}/{name}"))
    with deployment.files(call.installation, wanted) as folder:
        log.step(f"Deploying {name} from {wanted.image}")
        address = deployment.apply(client, folder, wanted, given.timeout, log)
    made.update(name=name, image=wanted.image, url=address)
    if not given.json:
        print(address)
    if given.to == "kubernetes" and not given.host:
        forward = " ".join([client.program, *client.options, "port-forward", f"service/{name}", "8080:80"])
        log.step(f"Deployed. That address is for clients in the cluster; from here: {forward}")
    return 0


def undeploy(call: Call, made: Made) -> int:
    """Remove a service that `deploy` created."""
    given = call.given
    manifests.require_name(given.name)
    client = Kubectl(call.environ, given.to, given.namespace or "")
    made["removed"] = removed = deployment.remove(client, given.name, given.to)
    log = Log(sys.stderr)
    for each in removed:
        log.step(f"Removed {each}")
    if not removed:
        log.step(f"Nothing to remove: no object of {given.name} was created by 'nb-builder deploy'")
    return 0


def show_doctor(call: Call, made: Made) -> int:
    """Report which of the required programs are installed."""
    checks = doctor.examine(call.place, call.environ)
    made["checks"] = [check._asdict() for check in checks]
    if not call.given.json:
        print("\n".join(doctor.lines(checks)))
    return 1 if any(check.state == doctor.MISSING for check in checks) else 0


def settings(call: Call, made: Made) -> int:
    """Show all settings of builds and services."""
    tables = help_text.tables()
    made["settings"] = {title: [row._asdict() for row in rows] for title, rows in tables.items()}
    if not call.given.json:
        print(help_text.shown(tables))
    return 0


def explain(call: Call, made: Made) -> int:
    """Print the explanation of a problem code, or list all codes."""
    if call.given.code:
        found = explanations.find(call.given.code)
        made["explanation"] = found._asdict()
        text = found.as_text()
    else:
        known = explanations.read()
        made["codes"] = {code: found.meaning for code, found in known.items()}
        text = "\n".join(f"{code:<26}  {found.meaning}" for code, found in known.items())
    if not call.given.json:
        print(text)
    return 0


def show_completion(call: Call, made: Made) -> int:
    """Print the completion script for a shell."""
    options, helps = call.given.completed
    print(completion.script(call.given.shell, options, helps), end="")
    return 0


def show_version(call: Call, made: Made) -> int:
    """Print the version."""
    if call.given.json:
        made.update(version=version(), python=sys.version.split()[0], home=str(call.place.home))
    else:
        print(f"nb-builder {version()}")
    return 0


def clean(call: Call, made: Made) -> int:
    """Remove nb-builder's environments and builds; or the builds of one target; or, with --old, other versions.

    Raises AppInUse, and removes nothing, if a command is building or serving there.
    """
    home, built_of = call.place.home, call.given.target
    if built_of is not None:
        app = call.installation.app_root(built_of) or home / "app"
        app_lock.require_free(app)
        folders, nothing = [app], f"There is no build of {built_of}"
    elif call.given.old:
        folders, nothing = installation.others(call.environ, home), "There are no files of other versions"
    else:
        folders, nothing = [home], f"Nothing to remove in {home}"
    folders = [folder for folder in folders if folder.is_dir()]
    for folder in folders:
        app_lock.require_none_in_use(folder)
    made["removed"] = [str(folder) for folder in folders]
    made["freed_bytes"] = [_freed_bytes(folder) for folder in folders]
    log = Log(sys.stderr)
    for folder, size in zip(folders, made["freed_bytes"], strict=True):
        shutil.rmtree(folder, ignore_errors=True)
        log.step(f"Removed {folder}, {size / 1e6:,.0f} MB")
    if not folders:
        log.step(nothing)
    return 0


def _freed_bytes(folder: Path) -> int:
    """Return the bytes freed by removing a folder; files with hard links elsewhere, as in uv's cache, count as 0."""
    names: Counter[int] = Counter()
    stats: dict[int, os.stat_result] = {}
    for place, _, files in os.walk(folder):
        for name in files:
            stat = os.lstat(os.path.join(place, name))
            names[stat.st_ino] += 1
            stats[stat.st_ino] = stat
    return sum(stat.st_blocks * 512 for inode, stat in stats.items() if stat.st_nlink == names[inode])


def _flags(call: Call, *names: str) -> list[str]:
    """Return those of the options `names` that were given."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(call.given, name)]


def _require_files(call: Call, *names: str) -> None:
    """Raise FileNotThere if an option names a file that does not exist."""
    for name in names:
        path = getattr(call.given, name)
        if path and not Path(path).is_file():
            raise FileNotThere(option=name.upper() if name == "file" else f"--{name}", path=path)


def _place(call: Call) -> list[str]:
    """Return the arguments that set where a target is built."""
    app_root = call.installation.app_root(call.given.target)
    return ["--app-root", str(app_root)] if app_root else []


def _derived(call: Call, made: Made, make: Make, ending: str, options: dict[str, str]) -> int:
    """Build an image from a service image."""
    given = call.given
    image = given.tag or f"{given.service}{ending}"
    engine.require_name(image)
    docker = _with_engine(call, given.command)
    values = {variable: getattr(given, name) for variable, name in options.items()}
    call.environ.update({name: value for name, value in values.items() if value})
    status = make(call, docker, given.service, image)
    if status == 0:
        made.update(_image(docker, image))
    return status


def _exported(call: Call, made: Made, write: Callable[[Path], int]) -> int:
    """Write a file, renamed into place once `write` has succeeded; return the exit status."""
    output = Path(call.given.output)
    part = output.with_name(output.name + ".part")
    try:
        status = write(part)
        if status == 0:
            part.replace(output)
            made["file"] = str(output)
    finally:
        part.unlink(missing_ok=True)
    return status


def _with_engine(call: Call, command: str) -> Engine:
    """Return the engine and export it to scripts as DOCKER; raise EngineMissing."""
    docker = Engine(call.environ, command)
    call.environ["DOCKER"] = docker.program
    return docker


def _image(docker: Engine, name: str) -> Made:
    facts = docker.image(name) or {}
    return {"image": name, "id": facts.get("Id"), "size": facts.get("Size")}


@contextmanager
def _sources(name: str, log: Log) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder to build and the notebook named in it; a clone is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="nb-clone-") as scratch,
        target.repository(name, Path(scratch) / "clone", log) as found,
    ):
        yield found
