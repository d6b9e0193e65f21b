"""What is laid out for clusters fits together, and with the rest of the repository."""

import copy
import json
import re
import shutil
import urllib.parse
from pathlib import Path

import pytest
import yaml
from nb_builder.commands.dev.settings import Settings
from nb_service import backends
from nb_service.backends.batch import command_line
from nb_service.settings import Settings as ServiceSettings

import templates
from commands import ROOT
from engine import stand_ins
from promtool import promtool

DEPLOY = ROOT / "docs/deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text(encoding="utf-8"))
LIMITS = ("S2I_MAX_BODY", "S2I_MAX_HELD", "S2I_APP_MEMORY")
OPENSHIFT = DEPLOY / "openshift"
OPENSHIFT_PAGE = ROOT / "docs/how-to/openshift-templates-and-webhooks.md"
ITEMS = yaml.safe_load((OPENSHIFT / "service.yaml").read_text(encoding="utf-8"))["items"]
TEMPLATE = yaml.safe_load((OPENSHIFT / "template.yaml").read_text(encoding="utf-8"))
AB = yaml.safe_load((OPENSHIFT / "ab.yaml").read_text(encoding="utf-8"))["items"]


def test_both_development_containers_run_make_dev_and_show_its_ports():
    ports = [knob.default for knob in Settings.knobs() if knob.env in ("PORT", "LAB")]
    compose = yaml.safe_load((ROOT / "docs/deploy/compose-dev.yaml").read_text(encoding="utf-8"))["services"]["dev"]
    assert [int(port.rpartition(":")[2]) for port in compose["ports"]] == ports
    assert all(port.startswith("127.0.0.1:") for port in compose["ports"])
    assert compose["command"][:2] == ["make", "dev"] and compose["environment"] == {"S2I_HOST": "0.0.0.0"}
    folder = (ROOT / "docs/deploy" / compose["build"]["context"]).resolve()
    repository, notebook, environments = (volume.rpartition(":") for volume in compose["volumes"])
    assert (ROOT / "docs/deploy" / repository[0]).resolve() == ROOT and repository[2] == compose["working_dir"]
    assert compose["command"][2] == f"NOTEBOOK={notebook[2]}" and environments[2] == f"{repository[2]}/.nb-builder"
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert container["forwardPorts"] == ports and container["postAttachCommand"] == "make dev"
    assert (folder / container["build"]["dockerfile"]).is_file() and folder == ROOT / ".devcontainer"
    assert container["containerEnv"]["NOTEBOOK"] == "${localEnv:NOTEBOOK:docs/examples/kmeans}"


def named(kind, name):
    """Return the one item of this kind and name."""
    (item,) = [item for item in ITEMS if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return item


def references(value, kind):
    """Return the names in all references to objects of `kind`, at any depth; also those in JSON in a text."""
    if isinstance(value, str) and value.startswith("[{"):
        value = json.loads(value)
    if isinstance(value, list):
        return [name for each in value for name in references(each, kind)]
    if not isinstance(value, dict):
        return []
    own = [value["name"]] if value.get("kind") == kind and "name" in value else []
    return own + [name for each in value.values() for name in references(each, kind)]


def test_the_dockerfile_of_the_slim_build_is_the_repository_s_own():
    inline = named("BuildConfig", "my-service-slim")["spec"]["source"]["dockerfile"]
    assert inline == (ROOT / "s2i/runtime.Dockerfile").read_text(encoding="utf-8")


def test_the_slim_build_follows_what_the_service_s_build_puts_out():
    made = named("BuildConfig", "my-service")["spec"]["output"]["to"]["name"]
    slim = named("BuildConfig", "my-service-slim")["spec"]
    assert [trigger["imageChange"]["from"]["name"] for trigger in slim["triggers"]] == [made]
    assert slim["strategy"]["dockerStrategy"]["buildArgs"][0]["value"].endswith(f"/{made}")


def test_nothing_stands_in_for_the_last_from_which_is_scratch():
    # OpenShift puts `dockerStrategy.from` into the last FROM of a Dockerfile.
    slim = named("BuildConfig", "my-service-slim")["spec"]
    froms = [line for line in slim["source"]["dockerfile"].splitlines() if line.startswith("FROM")]
    assert froms[-1] == "FROM scratch"
    assert "from" not in slim["strategy"]["dockerStrategy"]


def test_the_images_that_are_tried_have_the_variables_of_the_last_one():
    text = (ROOT / "s2i/runtime.Dockerfile").read_text(encoding="utf-8")
    _, tried, last = (part.splitlines()[:4] for part in text.split("\nENV "))
    assert tried == last and tried[3] == "    LC_ALL=C.UTF-8"
    assert text.count("FROM bare AS") == 2


def test_the_deployment_runs_what_the_slim_build_puts_out():
    made = named("BuildConfig", "my-service-slim")["spec"]["output"]["to"]["name"]
    deployment = named("Deployment", "my-service")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == made
    assert references(deployment["metadata"]["annotations"], "ImageStreamTag") == [made]


def test_the_route_leads_to_the_service_and_that_to_the_port_which_the_image_exposes():
    service, deployment = named("Service", "my-service")["spec"], named("Deployment", "my-service")["spec"]
    route = named("Route", "my-service")["spec"]
    container = deployment["template"]["spec"]["containers"][0]
    (port,) = [each for each in service["ports"] if each["name"] == route["port"]["targetPort"]]
    assert route["to"] == {"kind": "Service", "name": "my-service"}
    assert service["selector"] == deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
    (listens,) = [each for each in container["ports"] if each["name"] == port["targetPort"]]
    assert f"EXPOSE {listens['containerPort']}\n" in (ROOT / "s2i/runtime.Dockerfile").read_text(encoding="utf-8")
    asked = [container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert asked == [port["targetPort"]] * 3


def alike(deployment):
    """Return what Deployments have alike: all but names, labels, images, and who the user is."""
    spec = copy.deepcopy(deployment["spec"])
    del spec["selector"], spec["template"]["metadata"]
    pod = spec["template"]["spec"]
    pod["securityContext"].pop("runAsUser", None)
    for constraint in pod["topologySpreadConstraints"]:
        del constraint["labelSelector"]
    for container in pod["containers"]:
        del container["image"]
    return spec


def test_openshift_s_deployments_are_that_of_kubernetes_but_for_the_user():
    kubernetes = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    service = yaml.safe_load((DEPLOY / "kubernetes/service.yaml").read_text(encoding="utf-8"))
    ours = [named("Deployment", "my-service"), *[item for item in AB if item["kind"] == "Deployment"]]
    assert len(ours) == 3
    for deployment in ours:
        assert alike(deployment) == alike(kubernetes)
        # The project has a range of users of its own, and admits no other one.
        assert "runAsUser" not in deployment["spec"]["template"]["spec"]["securityContext"]
    assert named("Service", "my-service") == service


def test_the_webhooks_name_one_secret_which_the_page_makes():
    triggers = named("BuildConfig", "my-service")["spec"]["triggers"]
    hooks = [trigger for trigger in triggers if trigger["type"] in ("Generic", "GitHub", "GitLab")]
    assert len(hooks) == 3
    (name,) = {hook[hook["type"].lower()]["secretReference"]["name"] for hook in hooks}
    page = OPENSHIFT_PAGE.read_text(encoding="utf-8")
    assert f"oc create secret generic {name} --from-literal=WebHookSecretKey=" in page


# What service.yaml has in place of the template's parameters that have no value of their own.
GIVEN = {"GIT_URI": "https://git.example.com/my-notebook.git", "NAMESPACE": "my-project"}


def test_the_template_s_objects_are_those_of_the_service():
    assert templates.filled(TEMPLATE, **GIVEN) == ITEMS


def test_each_parameter_of_the_template_changes_something_and_the_name_everything():
    for parameter in TEMPLATE["parameters"]:
        other = "7" if parameter["name"] == "REPLICAS" else "other"
        assert templates.filled(TEMPLATE, **{**GIVEN, parameter["name"]: other}) != ITEMS, parameter["name"]
    others = templates.filled(TEMPLATE, **GIVEN, NAME="other")
    for item in others:
        # The Dockerfile is the repository's own.
        item["spec"].get("source", {}).pop("dockerfile", None)
    assert "my-service" not in json.dumps(others)
    assert named("ImageStream", "my-service") != others[1]


def test_what_the_template_needs_is_given_where_the_page_uses_it():
    needed = {each["name"] for each in TEMPLATE["parameters"] if each.get("required") and "value" not in each}
    page = OPENSHIFT_PAGE.read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if f"--template={TEMPLATE['metadata']['name']}" in line]
    assert needed == GIVEN.keys() == set(re.findall(r"-p (\w+)=", line))
    with pytest.raises(KeyError):
        templates.filled(TEMPLATE)


def test_the_versions_behind_one_route_are_alike_and_no_pods_of_another_service():
    first, second = ([item for item in AB if item["metadata"]["name"] == f"my-service-{each}"] for each in "ab")
    reported = (
        json.dumps(first).replace("my-service-slim:a", "my-service-slim:b").replace('"my-service-a"', '"my-service-b"')
    )
    assert json.loads(reported.replace('"version": "a"', '"version": "b"')) == second
    for deployment, service in (first, second):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
        assert not named("Service", "my-service")["spec"]["selector"].items() <= labels.items()
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (follows,) = json.loads(deployment["metadata"]["annotations"]["image.openshift.io/triggers"])
        assert follows["from"]["name"] == container["image"]
        assert follows["fieldPath"] == f'spec.template.spec.containers[?(@.name=="{container["name"]}")].image'
    (route,) = [item["spec"] for item in AB if item["kind"] == "Route"]
    backends_ = [route["to"], *route["alternateBackends"]]
    assert [backend["name"] for backend in backends_] == [each[1]["metadata"]["name"] for each in (first, second)]
    assert route["port"]["targetPort"] in [port["name"] for port in first[1]["spec"]["ports"]]
    share = backends_[1]["weight"] / sum(backend["weight"] for backend in backends_)
    assert f"{round(100 * share)} of 100" in OPENSHIFT_PAGE.read_text(encoding="utf-8")


def test_what_follows_an_image_in_the_deployment_names_a_container_of_it():
    (follows,) = json.loads(named("Deployment", "my-service")["metadata"]["annotations"]["image.openshift.io/triggers"])
    containers = named("Deployment", "my-service")["spec"]["template"]["spec"]["containers"]
    paths = [f'spec.template.spec.containers[?(@.name=="{each["name"]}")].image' for each in containers]
    assert follows["fieldPath"] in paths


@pytest.mark.parametrize("tag", sorted(set(references(ITEMS, "ImageStreamTag"))))
def test_each_image_that_is_named_has_a_stream(tag):
    name, _, version = tag.partition(":")
    assert version == "latest"
    assert named("ImageStream", name)


def test_the_build_arguments_are_arguments_of_the_dockerfile():
    slim = named("BuildConfig", "my-service-slim")["spec"]
    declared = {
        line.split()[1].partition("=")[0] for line in slim["source"]["dockerfile"].splitlines() if "ARG" in line[:3]
    }
    assert {each["name"] for each in slim["strategy"]["dockerStrategy"]["buildArgs"]} <= declared


BATCHES = {
    name: yaml.safe_load((ROOT / f"docs/deploy/{name}.yaml").read_text(encoding="utf-8"))["items"]
    for name in ("batch", "openshift/batch")
}


@pytest.mark.parametrize("name", BATCHES)
def test_the_jobs_that_score_files_say_words_that_batch_takes_and_go_on_on_their_volume(name):
    claim, nightly, once = BATCHES[name]
    assert nightly["spec"]["jobTemplate"]["spec"] == once["spec"]
    pod = once["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    back_end, *words = container["args"]
    assert back_end in backends.names()
    options = command_line.read(words)
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    claimed = {
        mounted[volume["name"]]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claimed == {"/data": claim["metadata"]["name"]}
    assert all(path.startswith("/data/") for path in (*options.inputs, options.output, options.errors))
    assert pod["restartPolicy"] == "OnFailure"
    assert nightly["spec"]["concurrencyPolicy"] == "Forbid"


def test_what_follows_the_image_in_openshift_s_cron_job_names_its_container():
    _, nightly, once = BATCHES["openshift/batch"]
    (follows,) = json.loads(nightly["metadata"]["annotations"]["image.openshift.io/triggers"])
    (container,) = once["spec"]["template"]["spec"]["containers"]
    assert follows["fieldPath"] == (
        f'spec.jobTemplate.spec.template.spec.containers[?(@.name=="{container["name"]}")].image'
    )
    assert references(nightly["metadata"]["annotations"], "ImageStreamTag") == [container["image"]]
    assert container["image"] == named("BuildConfig", "my-service")["spec"]["output"]["to"]["name"]


def test_grpc_connections_have_left_a_pod_before_it_stops():
    kubernetes = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    pod = kubernetes["spec"]["template"]["spec"]
    env = {each["name"]: float(each["value"]) for each in pod["containers"][0]["env"]}
    # grpcio makes an age up to a tenth longer, and nodes hear a little later that the pod ends.
    assert 1.5 * env["S2I_GRPC_CONNECTION_AGE"] <= env["S2I_LINGER"]
    assert env["S2I_LINGER"] + 5 < env["S2I_GRACE"] < pod["terminationGracePeriodSeconds"] - 5


def test_kserve_s_predictor_is_the_container_of_kubernetes_within_what_both_of_its_ways_take():
    service = yaml.safe_load((DEPLOY / "kserve.yaml").read_text(encoding="utf-8"))
    kubernetes = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    pod = kubernetes["spec"]["template"]["spec"]
    (theirs,), predictor = pod["containers"], service["spec"]["predictor"]
    (ours,) = predictor["containers"]
    (port,) = ours["ports"]
    exposed = [each["containerPort"] for each in theirs["ports"] if each["name"] == "http"]
    assert [port["containerPort"]] == exposed and ours["name"] == "kserve-container"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert ours[probe] == {**theirs[probe], "httpGet": {**theirs[probe]["httpGet"], "port": exposed[0]}}
    whole = {key: pod["securityContext"][key] for key in ("runAsNonRoot", "runAsUser", "seccompProfile")}
    assert ours["securityContext"] == {**theirs["securityContext"], **whole}
    # Without a limit, KServe sets one CPU.
    assert int(ours["resources"]["limits"].pop("cpu")) > 1
    assert [ours[part] for part in ("resources", "volumeMounts")] == [
        theirs[part] for part in ("resources", "volumeMounts")
    ]
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/autoscalerClass": "none",
        "security.opendatahub.io/enable-auth": "true",
    }
    assert service["metadata"]["labels"] == {"opendatahub.io/dashboard": "true"}
    assert predictor["volumes"] == pod["volumes"]
    env = {each["name"]: each["value"] for each in ours["env"]}
    assert env["S2I_MODEL_NAME"] == service["metadata"]["name"] and env.pop("PROTOCOL") == "v2"
    # A pod has 30 seconds by Kubernetes' own default.
    assert float(env["S2I_LINGER"]) < float(env["S2I_GRACE"]) < 30
    reference = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in env if f"| `{name}` |" not in reference] == []


@pytest.mark.parametrize("name", ["compose/compose.yaml", "ab/compose.yaml", "shadow/compose.yaml", "swarm/stack.yaml"])
def test_each_image_of_others_is_one_that_tests_start_in_its_place(name):
    services = yaml.safe_load((ROOT / "docs/deploy" / name).read_text(encoding="utf-8"))["services"].values()
    others = {service["image"] for service in services if not service["image"].startswith("$")}
    asked_for = {service["image"] for service in services if "profiles" in service}
    assert others and others - asked_for <= stand_ins.PUBLIC.keys()


SHUTDOWN = {
    "Kubernetes": "kubernetes/deployment.yaml",
    "Swarm": "swarm/stack.yaml",
    "podman": "podman/my-service@.container",
    "Compose": "compose/compose.yaml",
}


@pytest.mark.parametrize(("platform", "file"), SHUTDOWN.items())
def test_the_page_on_rollouts_has_the_times_of_the_files(platform, file):
    page = (ROOT / "docs/how-to/roll-out-without-lost-requests.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| [{platform}]"))
    _, linger, grace, kill, _ = [cell.strip() for cell in row.strip("|").split("|")]
    text = (DEPLOY / file).read_text(encoding="utf-8")
    for name, seconds in (("S2I_LINGER", linger), ("S2I_GRACE", grace)):
        assert re.search(rf'{name}(=|: "|\n +value: "){seconds}\b', text), (name, seconds)
    assert kill.strip("`") in text


def test_what_tests_do_not_start_is_grafana_alone_and_the_pages_say_so():
    assert [name for name, service in COMPOSE["services"].items() if "profiles" in service] == ["grafana"]
    assert "the board has not been looked at there yet" in (DEPLOY / "compose/README.md").read_text(encoding="utf-8")
    assert "without Grafana" in (DEPLOY / "README.md").read_text(encoding="utf-8")


def mounts(name):
    """Return {folder in the container: what compose.yaml mounts there} of a service."""
    volumes = [volume.split(":") for volume in COMPOSE["services"][name]["volumes"]]
    return {inside: (DEPLOY / "compose" / here).resolve() for here, inside, *_ in volumes if here.startswith(".")}


def test_grafana_finds_its_data_source_and_the_board_where_its_files_say():
    files = mounts("grafana")
    provisioning = files["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    address = urllib.parse.urlsplit(source["url"])
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert address.hostname in COMPOSE["services"] and address.port == 9090
    interval = yaml.safe_load((DEPLOY / "compose/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = yaml.safe_load((provisioning / "dashboards/files.yaml").read_text())["providers"]
    home = Path(COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    board = json.loads((files[str(home.parent)] / home.name).read_text(encoding="utf-8"))
    (variable,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
    assert variable["query"] == source["type"] and variable["current"]["value"] == "default"


def test_prometheus_finds_nothing_wrong_with_its_configuration_and_finds_the_rules(tmp_path):
    for inside, here in mounts("prometheus").items():
        place = tmp_path / Path(inside).relative_to("/etc/prometheus")
        shutil.copytree(here, place) if here.is_dir() else shutil.copy(here, place)
    status, said = promtool("check", "config", tmp_path / "prometheus.yml")
    assert status == 0 and said.count("rules found") == 2 and "14 rules found" in said, said


@pytest.mark.parametrize("name", ["compose/compose.yaml", "ab/compose.yaml", "shadow/compose.yaml", "swarm/stack.yaml"])
def test_each_service_of_ours_is_asked_whether_it_is_ready_and_has_time_for_its_end(name):
    services = yaml.safe_load((ROOT / "docs/deploy" / name).read_text(encoding="utf-8"))["services"].values()
    ours = [service for service in services if service["image"].startswith("$")]
    assert ours
    for service in ours:
        assert service["healthcheck"]["test"] == ["CMD", "ready"]
        linger, grace = (float(service["environment"][name]) for name in ("S2I_LINGER", "S2I_GRACE"))
        assert linger < grace < float(service["stop_grace_period"].removesuffix("s"))
        assert service["read_only"] and service["cap_drop"] == ["ALL"]


def containers(value, parameters):
    """Yield (image, settings, memory limit in bytes) of each container at any depth that has such a limit."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    resources = value.get("resources") or value.get("deploy", {}).get("resources") or {}
    if "image" in value and "memory" in resources.get("limits", {}):
        env = value.get("env") or value.get("environment") or {}
        pairs = {item["name"]: item.get("value") for item in env} if isinstance(env, list) else env
        limit = re.sub(r"^\$\{(\w+)\}$", lambda name: parameters[name[1]], resources["limits"]["memory"])
        yield value["image"], pairs, int(limit[0]) << 30
    for each in value.values():
        yield from containers(each, parameters)


def test_what_clients_may_have_in_flight_leaves_half_of_the_memory_to_the_model():
    seen = 0
    for path in sorted(DEPLOY.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            given = document.get("parameters", []) if isinstance(document, dict) else []
            parameters = {each["name"]: each.get("value", "") for each in given}
            for image, env, limit in containers(document, parameters):
                # A batch job has no clients.
                if "my-service" in image or "${NAME}" in image:
                    if path.name == "batch.yaml":
                        continue
                    held = ServiceSettings({name: value for name, value in env.items() if name in LIMITS})
                    assert held.max_held + held.app_memory <= limit / 2, path
                    seen += 1
    assert seen == 8
