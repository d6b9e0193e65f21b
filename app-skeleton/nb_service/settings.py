"""Every setting of a service, one row per setting. No other code reads settings from the environment."""

import re
from collections.abc import Mapping

from nb_scorer.common.problem import SettingInvalid
from nb_scorer.common.settings_table import Table, number, one_of, read_all, setting, switch, text
from nb_scorer.model import compare_answers
from nb_scorer.protocol import log_forms

from nb_service import cores, manifest
from nb_service.signature.trust import Trust


def route(value: str) -> str:
    """Return a path unchanged; raise ValueError if it can't be a route."""
    if not re.fullmatch(r"/[^\s<>?#]*", value):
        raise ValueError("a path that starts with /, without spaces, <, >, ? and #")
    return value


def model_name(value: str) -> str:
    """Return a name unchanged; raise ValueError if it is not valid in paths and headers."""
    if not manifest.NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, dots, dashes and underscores, up to 128")
    return value


def metrics_prefix(value: str) -> str:
    """Return a prefix unchanged; raise ValueError if it is not valid in Prometheus names."""
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", value):
        raise ValueError("letters, digits and _, with no digit at the start")
    return value


def origins(value: str) -> tuple[str, ...]:
    """Return the origins in a comma-separated list; raise ValueError if it is empty or contains anything else."""
    listed = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
    invalid = [
        origin for origin in listed if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin)
    ]
    if invalid or not listed:
        raise ValueError("a list such as https://app.example.com,https://other.example.com:8443, or *")
    return listed


def host_names(value: str) -> frozenset[str]:
    """Return the host names in a comma-separated list, in lower case; raise ValueError for anything else."""
    listed = [name.strip().lower() for name in value.split(",")]
    if not all(re.fullmatch(r"[a-z0-9_.-]+", name) for name in listed):
        raise ValueError("names without ports, such as localhost,models.example.com")
    return frozenset(listed)


def fetch_origins(value: str) -> tuple[tuple[str, str, int], ...]:
    """Return (scheme, host, port) of each host in a comma-separated list; raise ValueError for anything else."""
    listed = [
        re.fullmatch(r"(?:(https?)://)?([a-z0-9_.-]+)(?::([0-9]{1,5}))?", each.strip().lower())
        for each in value.split(",")
    ]
    found = tuple(
        (each[1] or "https", each[2], int(each[3] or (80 if each[1] == "http" else 443))) for each in listed if each
    )
    if len(found) < len(listed) or not all(0 < port <= 65535 for _, _, port in found):
        raise ValueError("names of hosts, such as files.example.com,http://images.example.com:8080")
    return found


def header_names(value: str) -> tuple[str, ...]:
    """Return the header names in a comma-separated list, in lower case; raise ValueError for anything else."""
    listed = tuple(name.strip().lower() for name in value.split(",") if name.strip())
    if not all(re.fullmatch(r"[a-z0-9!#$%&'+.^_`|~*-]+", name) for name in listed):
        raise ValueError("names of header fields, such as accept-language,x-team-*")
    return listed


def ports(value: str) -> tuple[int, ...]:
    """Return the ports in a comma-separated list, none for `off`; raise ValueError for anything else."""
    listed = [part.strip() for part in value.split(",")]
    if listed == ["off"]:
        return ()
    if not all(part.isdecimal() and len(part) <= len("65535") and int(part) <= 65535 for part in listed):
        raise ValueError("a port, several with commas between them, or off")
    return tuple(map(int, listed))


def memory_of_answers(value: str) -> int:
    """Return a number of bytes; raise ValueError if it is too small to be useful. 0 is valid."""
    size = int(value) if value.isdecimal() and len(value) < 14 else -1
    if size and not 1 << 20 <= size <= 1 << 40:
        raise ValueError("0, or a whole number from 1048576 to 1099511627776")
    return size


class Settings(Table):
    """The settings of one service, named like their variables, but in lower case and without `S2I_`."""

    app_root: str = setting(
        "APP_ROOT",
        text,
        "/opt/app-root",
        "Folder that a build filled: src, venv, model.",
        group="Address and folder",
        platform=True,
    )
    port: int = setting("PORT", number(0, 65535, int), 8080, "Port to listen on; 0 picks a free one and logs it.")
    host: str = setting(
        "S2I_HOST",
        text,
        "0.0.0.0",  # noqa: S104 - a service in a container
        "Address to listen on.",
        platform=True,
        protects=True,
    )
    web_concurrency: int = setting(
        "WEB_CONCURRENCY",
        number(1, 1024, int),
        None,
        "Number of scorers, the processes that hold the model. Default: one per CPU that this service may use, or "
        "one per GPU if the model uses GPUs.",
        group="Processes and time limits",
    )
    predict_timeout: float = setting(
        "S2I_PREDICT_TIMEOUT", number(0.05, 86400), 60.0, "Maximum seconds for one prediction; slower ones get 504."
    )
    receive_timeout: float = setting(
        "S2I_RECEIVE_TIMEOUT",
        number(0.2, 86400),
        120.0,
        "Maximum seconds for a request to arrive; slower ones get 408. Also the idle timeout, and the limit for a "
        "client that stops reading its response.",
        platform=True,
    )
    front: str = setting(
        "S2I_FRONT",
        one_of("asyncio", "waitress"),
        "asyncio",
        "Server that listens on PORT: the front (`asyncio`), or `waitress` alone, behind a proxy that you trust.",
        platform=True,
    )
    linger: float = setting(
        "S2I_LINGER",
        number(0, 3600),
        1.0,
        "Seconds after SIGTERM during which new connections are still accepted, so that load balancers notice "
        "`/readyz` first. They are part of S2I_GRACE.",
        platform=True,
    )
    grace: float = setting(
        "S2I_GRACE",
        number(0, 3600),
        10.0,
        "Seconds that in-flight requests get to finish after SIGTERM, including S2I_LINGER.",
        platform=True,
    )
    scorer_start: str = setting(
        "S2I_SCORER_START",
        one_of("auto", "fork", "spawn"),
        "auto",
        "How scorers start: `fork` from one process that loaded the model, `spawn` so that each loads it, or "
        "`auto`, which forks if the build has verified that forking is safe. `spawn` in a build skips that test.",
    )
    concurrency: int = setting(
        "S2I_CONCURRENCY",
        number(1, 64, int),
        1,
        "Maximum number of requests that a scorer serves at a time, if predictor is an `async def` and the build has "
        "verified that concurrent requests get the same predictions. With more than 1, nothing is scored in batches.",
    )
    max_body: int = setting(
        "S2I_MAX_BODY",
        number(1, 1 << 30, int),
        16 << 20,
        "Maximum request body in bytes; larger bodies get 413.",
        group="Sizes, batches and drift",
        platform=True,
    )
    max_held: int | None = setting(
        "S2I_MAX_HELD",
        number(1 << 16, 1 << 40, int),
        None,
        "Maximum bytes of requests and responses held at a time: arriving, waiting, not yet read by the client. "
        "Requests beyond it get 503. Default: 16 times S2I_MAX_BODY.",
        platform=True,
    )
    app_memory: int = setting(
        "S2I_APP_MEMORY",
        number(1 << 27, 1 << 40, int),
        1 << 30,
        "Maximum bytes of memory for the app, the process for all routes except plain predictions.",
        platform=True,
    )
    max_queue: int = setting(
        "S2I_MAX_QUEUE",
        number(1, 1 << 20, int),
        1024,
        "Maximum number of samples that wait for a scorer; requests beyond it get 503.",
        platform=True,
    )
    max_batch: int = setting(
        "S2I_MAX_BATCH",
        number(1, 4096, int),
        64,
        "Maximum number of waiting samples that are scored in one call; 1 calls predictor for each.",
    )
    batching: str = setting(
        "S2I_BATCHING",
        one_of("auto", "off"),
        "auto",
        "`auto` scores waiting samples with the batch form that the build has derived from predictor and "
        "verified; `off` calls predictor for each. In a build, `off` derives none. batch_predictor takes "
        "precedence.",
    )
    drift: str = setting(
        "S2I_DRIFT",
        one_of("auto", "off"),
        "auto",
        "If the build has a baseline, `auto` compares samples and predictions with it, for `/drift` and "
        "`/metrics`; `off` does not.",
    )
    feedback_memory: int = setting(
        "S2I_FEEDBACK_MEMORY",
        memory_of_answers,
        4 << 20,
        "Bytes for the latest predictions, which `POST /feedback` is compared with; 0 keeps none.",
        platform=True,
    )
    max_requests: int = setting(
        "S2I_MAX_REQUESTS",
        number(0, 1 << 53, int),
        0,
        "Approximate number of samples after which a scorer is replaced by a fresh one; 0 means never.",
    )
    max_samples: int = setting(
        "S2I_MAX_SAMPLES",
        number(1, 1 << 30, int),
        1 << 19,
        "Maximum number of samples in one body; larger ones get 413.",
        platform=True,
    )
    max_pixels: int = setting(
        "S2I_MAX_PIXELS",
        number(1, 1 << 40, int),
        89478485,
        "Maximum number of pixels of a picture, and of each of its frames or pages; larger ones get 422.",
        platform=True,
    )
    max_frames: int = setting(
        "S2I_MAX_FRAMES",
        number(1, 1 << 20, int),
        1000,
        "Maximum number of frames or pages of a picture; pictures with more get 422.",
        platform=True,
    )
    fetch_hosts: tuple[tuple[str, str, int], ...] = setting(
        "S2I_FETCH_HOSTS",
        fetch_origins,
        "",
        "Hosts, separated by commas, from which files are fetched whose URLs are in JSON; `http://` before a name "
        "allows HTTP instead of HTTPS, `:8443` behind it another port. Never private addresses. Default: none.",
        platform=True,
    )
    fetch_timeout: float = setting(
        "S2I_FETCH_TIMEOUT",
        number(0.1, 300),
        10.0,
        "Maximum seconds for fetching all files of a request.",
        platform=True,
    )
    log_format: str = setting(
        "S2I_LOG_FORMAT",
        one_of(log_forms.TEXT, log_forms.JSON),
        log_forms.TEXT,
        "Format of log lines: text, or JSON objects.",
        group="Log, metrics and access",
        platform=True,
    )
    app_metrics_prefix: str = setting("S2I_APP_METRICS_PREFIX", metrics_prefix, "nb", "Prefix of metric names.")
    api_key_file: str = setting(
        "S2I_API_KEY_FILE",
        text,
        "",
        "File of API keys, one per line; clients must send one of them. Without it, no key is required. The file "
        "is read again after a change.",
        platform=True,
        protects=True,
    )
    cors_origins: tuple[str, ...] = setting(
        "S2I_CORS_ORIGINS",
        origins,
        "",
        "Origins, separated by commas, whose web pages may read responses; `*` allows any. Default: none.",
        platform=True,
    )
    allowed_hosts: frozenset[str] = setting(
        "S2I_ALLOWED_HOSTS",
        host_names,
        "",
        "Host names, separated by commas, that requests may use for this service; IP addresses, and names below "
        "`localhost`, are always allowed. Default: any; with `nb-builder run` and `dev`, `localhost`.",
        platform=True,
        protects=True,
    )
    pass_headers: tuple[str, ...] = setting(
        "S2I_PASS_HEADERS",
        header_names,
        "accept-language,traceparent,tracestate,user-agent,x-request-id",
        "Header fields, separated by commas, that predictor's argument `headers` receives; `x-team-*` stands for all "
        "that start with it. Fields that contain keys and cookies are never passed.",
    )
    backend: str = setting(
        "S2I_BACKEND",
        text,
        "http",
        "Back end that serves the model: `http`, or `bus` for a message broker.",
        group="Back ends",
    )
    batch_keep: float = setting(
        "S2I_BATCH_KEEP",
        number(0, 3600),
        2.0,
        "Seconds after which `batch` writes its progress to disk; a killed job loses at most that much.",
    )
    grpc_port: tuple[int, ...] | None = setting(
        "S2I_GRPC_PORT",
        ports,
        None,
        "Port for gRPC, or several separated by commas, such as `8081,8500`; 0 picks a free one and logs it; "
        "`off` disables gRPC. Default: 8081 in an image with gRPC, otherwise none.",
        group="gRPC",
        platform=True,
        protects=True,
    )
    grpc_connection_age: float = setting(
        "S2I_GRPC_CONNECTION_AGE",
        number(0, 86400),
        0.0,
        "Seconds after which a gRPC client is asked to reconnect, so that it finds new replicas and leaves those "
        "that shut down; 0 never asks. Calls in flight are finished.",
        platform=True,
    )
    grpc_cert_file: str = setting(
        "S2I_GRPC_CERT_FILE",
        text,
        "",
        "PEM file with the certificate that gRPC presents to clients, and the certificates of its authorities; "
        "without it, gRPC is not encrypted.",
        platform=True,
        protects=True,
    )
    grpc_key_file: str = setting(
        "S2I_GRPC_KEY_FILE", text, "", "PEM file with the key of S2I_GRPC_CERT_FILE.", platform=True, protects=True
    )
    grpc_ca_file: str = setting(
        "S2I_GRPC_CA_FILE",
        text,
        "",
        "PEM file of the authorities that must have issued a gRPC client's certificate; without it, clients need none.",
        platform=True,
        protects=True,
    )
    bus_url: str = setting(
        "S2I_BUS_URL",
        text,
        "",
        "Broker of the back end `bus`, such as `nats://broker:4222`; separate several addresses of one cluster "
        "with commas.",
        group="Message buses",
        platform=True,
    )
    bus_in: str = setting(
        "S2I_BUS_IN", text, "", "Place that `bus` reads samples from: a subject, stream, queue or topic.", platform=True
    )
    bus_out: str = setting("S2I_BUS_OUT", text, "", "Place that `bus` publishes predictions to.", platform=True)
    bus_errors: str = setting(
        "S2I_BUS_ERRORS",
        text,
        "",
        "Place that `bus` publishes failed samples to, with the reason. Default: S2I_BUS_OUT with `.errors` appended.",
        platform=True,
    )
    bus_group: str = setting(
        "S2I_BUS_GROUP",
        model_name,
        "",
        "Consumers with this name share the samples. Default: the model's name.",
        platform=True,
    )
    bus_client: str = setting(
        "S2I_BUS_CLIENT",
        text,
        "",
        "Name of this service at an MQTT broker: unique, and the same after a restart. Default: S2I_BUS_GROUP.",
        platform=True,
    )
    bus_arrays: bool = setting(
        "S2I_BUS_ARRAYS", switch, False, "Each message is a JSON array of samples instead of a single sample."
    )
    bus_tries: int = setting(
        "S2I_BUS_TRIES",
        number(1, 1 << 20, int),
        5,
        "Number of tries for a sample whose scorer or service stops before the prediction is published; after "
        "that, the sample is an error.",
    )
    bus_reclaim: float = setting(
        "S2I_BUS_RECLAIM",
        number(1, 3600),
        10.0,
        "Seconds after which the samples of a service that is silent are given to another.",
    )
    bus_create: bool = setting(
        "S2I_BUS_CREATE",
        switch,
        False,
        "Create missing streams and queues; otherwise wait for them.",
        platform=True,
    )
    bus_user_file: str = setting(
        "S2I_BUS_USER_FILE", text, "", "File with the user name for the broker.", platform=True, protects=True
    )
    bus_password_file: str = setting(
        "S2I_BUS_PASSWORD_FILE", text, "", "File with the password for the broker.", platform=True, protects=True
    )
    bus_sasl: str = setting(
        "S2I_BUS_SASL",
        one_of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        "SCRAM-SHA-512",
        "SASL mechanism for Kafka; PLAIN sends the password in the clear, so use it only with TLS.",
        platform=True,
    )
    bus_ca_file: str = setting(
        "S2I_BUS_CA_FILE",
        text,
        "",
        "PEM file of the authorities that must have issued the broker's certificate.",
        platform=True,
        protects=True,
    )
    bus_cert_file: str = setting(
        "S2I_BUS_CERT_FILE",
        text,
        "",
        "PEM file with the client certificate for the broker.",
        platform=True,
        protects=True,
    )
    bus_key_file: str = setting(
        "S2I_BUS_KEY_FILE", text, "", "PEM file with the key of S2I_BUS_CERT_FILE.", platform=True, protects=True
    )
    debug: bool = setting(
        "S2I_DEBUG",
        switch,
        False,
        "Show the notebook's traceback to clients in 422 and 500 responses.",
        group="Responses and pages",
        platform=True,
    )
    validator_messages: bool = setting(
        "S2I_VALIDATOR_MESSAGES",
        switch,
        True,
        "Send clients the message of an exception that `validator` raises. A reason that it returns is always sent.",
    )
    model_name: str = setting(
        "S2I_MODEL_NAME", model_name, "", "Name of the model in routes and headers. Default: the notebook's name."
    )
    notebook_page: bool = setting(
        "S2I_NOTEBOOK_PAGE", switch, True, "Show the notebook, as it was run, under /notebook."
    )
    kserve: bool = setting(
        "S2I_KSERVE",
        switch,
        False,
        "Return `predictions` for `inputs` of KServe V1; TensorFlow Serving returns `outputs`.",
    )
    unload: bool = setting(
        "S2I_UNLOAD",
        switch,
        False,
        "Let clients stop Open Inference predictions with `unload`, until a client sends `load`.",
        platform=True,
    )
    otel_exporter_otlp_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        text,
        "",
        "Collector that receives one span per request, such as `http://collector:4318`; requires an image with "
        "OpenTelemetry.",
        group="Tracing and other platforms",
        platform=True,
    )
    aip_http_port: int | None = setting(
        "AIP_HTTP_PORT",
        number(0, 65535, int),
        None,
        "Port set by Vertex AI; used if PORT is not set.",
        platform=True,
    )
    aip_predict_route: str = setting(
        "AIP_PREDICT_ROUTE",
        route,
        "",
        "Path for predictions set by Vertex AI, in addition to all others.",
        platform=True,
    )
    aip_health_route: str = setting(
        "AIP_HEALTH_ROUTE",
        route,
        "",
        "Path for readiness set by Vertex AI, in addition to all others.",
        platform=True,
    )
    sagemaker_bind_to_port: int | None = setting(
        "SAGEMAKER_BIND_TO_PORT",
        number(0, 65535, int),
        None,
        "Port set by SageMaker; used if PORT is not set.",
        platform=True,
    )
    ce_type: str = setting(
        "CE_TYPE", text, "io.kserve.inference.response", "Type of the CloudEvents sent as responses."
    )
    ce_source: str = setting(
        "CE_SOURCE",
        text,
        "",
        "Source of the CloudEvents sent as responses. Default: io.kserve.inference. followed by the model's name.",
    )
    ce_merge: bool = setting(
        "CE_MERGE", switch, False, "Copy the extensions of incoming CloudEvents to those sent as responses."
    )
    ca_bundle: str = setting(
        "S2I_CA_BUNDLE",
        text,
        "",
        "File of certificate authorities that the notebook's own downloads trust.",
        group="Verification and signatures",
        platform=True,
    )
    tolerance: float = setting(
        "S2I_TOLERANCE",
        number(0, 1),
        compare_answers.TOLERANCE,
        "Relative difference up to which two floats count as the same prediction.",
    )
    verify_timeout: float = setting(
        "S2I_VERIFY_TIMEOUT",
        number(1, 86400),
        60.0,
        "Maximum seconds for loading the model, and for scoring one golden row, in `prove`.",
    )

    setup_timeout: float = setting(
        "S2I_SETUP_TIMEOUT",
        number(1, 86400),
        300.0,
        "Maximum seconds for the notebook's `setup` in a scorer, in the build as in the service.",
    )

    export: bool = setting(
        "S2I_EXPORT",
        switch,
        False,
        "Serve the model as an archive under /model, to clients with an API key; requires S2I_API_KEY_FILE.",
        platform=True,
    )
    verify_key_file: str = setting(
        "S2I_VERIFY_KEY_FILE",
        text,
        "",
        "PEM file with public keys; a model that none of them verifies is rejected before it is loaded.",
        platform=True,
        protects=True,
    )
    verify_ca_file: str = setting(
        "S2I_VERIFY_CA_FILE",
        text,
        "",
        "The same with certificates: PEM file with the trusted authorities and, if you have them, their "
        "revocation lists. Requires S2I_VERIFY_IDENTITY.",
        platform=True,
        protects=True,
    )
    verify_identity: str = setting(
        "S2I_VERIFY_IDENTITY",
        text,
        "",
        "Subject alternative name that the certificate must have: an e-mail address, a URI or a DNS name.",
        platform=True,
        protects=True,
    )
    weights_dir: str = setting(
        "S2I_WEIGHTS_DIR",
        text,
        "",
        "Folder with the notebook's weights, mounted by the platform. They are compared with weights.lock; nothing is "
        "fetched. Without it, /mnt/models and /opt/ml/model are searched, then weights are fetched.",
        group="Weights",
        platform=True,
    )
    weights_cache: str = setting(
        "S2I_WEIGHTS_CACHE",
        text,
        "",
        "Folder for fetched weights, which replicas may share. Default: the user's cache, or a folder in /tmp.",
        platform=True,
    )
    weights_timeout: float = setting(
        "S2I_WEIGHTS_TIMEOUT",
        number(0.2, 3600),
        60.0,
        "Maximum seconds that a source of weights may send nothing.",
        platform=True,
    )
    aip_storage_uri: str = setting(
        "AIP_STORAGE_URI",
        text,
        "",
        "Folder or bucket with the weights, set by Vertex AI.",
        platform=True,
    )
    hf_model_dir: str = setting(
        "HF_MODEL_DIR",
        text,
        "",
        "Folder with the weights, set by Hugging Face's endpoints.",
        platform=True,
    )

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read every setting from `environ`; raise SettingInvalid for an invalid value."""
        super().__init__(environ)
        self._check_trust()
        if self.export and not self.api_key_file:
            raise SettingInvalid("S2I_API_KEY_FILE", "", "a file, which S2I_EXPORT requires")
        self._check_grpc()
        self.scorers_by_default = self.web_concurrency is None
        if self.web_concurrency is None:
            self.web_concurrency = cores.available()
        elsewhere = (self.aip_http_port, self.sagemaker_bind_to_port)
        port = next((port for port in elsewhere if port is not None), None)
        if port is not None and not environ.get("PORT"):
            self.port = port

    @property
    def trust(self) -> Trust | None:
        """Return whose signature a model must have; None if any model is served."""
        if not (self.verify_key_file or self.verify_ca_file):
            return None
        return Trust(self.verify_key_file, self.verify_ca_file, self.verify_identity)

    def _check_grpc(self) -> None:
        """Raise SettingInvalid if one TLS file is set without another: traffic must not be unencrypted by mistake."""
        if bool(self.grpc_cert_file) != bool(self.grpc_key_file):
            lacks = "S2I_GRPC_KEY_FILE" if self.grpc_cert_file else "S2I_GRPC_CERT_FILE"
            raise SettingInvalid(lacks, "", "a file, as S2I_GRPC_CERT_FILE and S2I_GRPC_KEY_FILE go together")
        if self.grpc_ca_file and not self.grpc_cert_file:
            raise SettingInvalid("S2I_GRPC_CERT_FILE", "", "a file, which S2I_GRPC_CA_FILE requires")

    def _check_trust(self) -> None:
        """Raise SettingInvalid if the trusted signer is ambiguous: guessing could let an attacker in."""
        if self.verify_key_file and self.verify_ca_file:
            raise SettingInvalid("S2I_VERIFY_CA_FILE", self.verify_ca_file, "empty, as S2I_VERIFY_KEY_FILE is set")
        if self.verify_ca_file and not self.verify_identity:
            raise SettingInvalid("S2I_VERIFY_IDENTITY", "", "a name, which S2I_VERIFY_CA_FILE requires")
        if self.verify_identity and not self.verify_ca_file:
            raise SettingInvalid("S2I_VERIFY_CA_FILE", "", "a file, which S2I_VERIFY_IDENTITY requires")


KNOBS = Settings.knobs()


def app_root(environ: Mapping[str, str]) -> str:
    """Return APP_ROOT, the folder that assemble filled, from `environ` alone; it may contain further variables."""
    return read_all([knob for knob in KNOBS if knob.env == "APP_ROOT"], environ)["APP_ROOT"]


def log_format(environ: Mapping[str, str]) -> str:
    """Return the log format in `environ`, text if it is invalid: an invalid setting must be logged, too."""
    form = environ.get("S2I_LOG_FORMAT")
    return form if form in (log_forms.TEXT, log_forms.JSON) else log_forms.TEXT
