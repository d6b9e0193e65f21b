"""Code for all routes that reads request bodies from Flask and returns responses in the wire formats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from flask import Response, g, request
from nb_scorer.model.calls import no_default

from nb_service import files
from nb_service.app import failures, form
from nb_service.app.fetching import Fetcher
from nb_service.drift.baseline import Baseline
from nb_service.feedback import kept_answers
from nb_service.files import Files
from nb_service.http import auth, content_coding, replies
from nb_service.http.health import Health
from nb_service.http.replies import Reply
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.pool.client import PoolClient
from nb_service.protocols import Body, Limits, Malformed, Question, Series, series
from nb_service.protocols.rows import Rows
from nb_service.request_calls import Calls, Parameters, in_query
from nb_service.settings import Settings

Refusal = Callable[[int, str], tuple[int, Body]]


@dataclass(frozen=True)
class RouteContext:
    """The context of a route: the pool's client, the model, and the settings.

    `baseline` is the baseline that samples are compared with, None to disable that. `of_service` is the service's own
    context, in the context of a named predictor.
    """

    asker: PoolClient
    model: ModelFolder
    identity: Identity
    health: Health
    settings: Settings
    numbers: Callable[[], dict] = dict
    baseline: Baseline | None = None
    of_service: "RouteContext | None" = None

    @cached_property
    def calls(self) -> Calls:
        """Return the object that creates this model's calls."""
        return Calls(self.model.manifest, self.settings.pass_headers, self.model.predictor)

    @cached_property
    def by_name(self) -> "dict[str, RouteContext]":
        """Return the context of each model by name: this one, if it has predictor, and `predictors`."""
        default = {self.identity.name: self} if self.model.has_default else {}
        return default | {
            name: replace(self, model=model, identity=self.identity._replace(name=name), baseline=None, of_service=self)
            for name, model in self.model.predictors.items()
        }

    def named(self, name: str) -> "RouteContext":
        """Return the context of the model `name`; raise Malformed with 404 for an unknown one."""
        if name not in self.by_name:
            raise Malformed(f"There is no model {name!r}. Models: {', '.join(self.by_name)}.", 404)
        return self.by_name[name]

    def require_default(self) -> None:
        """Raise Malformed with 404 and the names of the predictors if there is no default one."""
        if not self.model.has_default:
            raise Malformed(no_default(list(self.by_name)), 404)

    @property
    def path(self) -> str:
        """Return the path that predicts one sample."""
        return f"/predict/{self.model.predictor}" if self.model.predictor else "/predict"

    @property
    def has_explainer(self) -> bool:
        """Return whether the notebook has an explainer."""
        return bool(self.model.manifest.get("explainer"))

    @property
    def rows(self) -> Rows:
        """Return the converter of table rows to samples."""
        # The notebook's own samples show what a row becomes; without any, the type hint does.
        return Rows(self.model.manifest.get("sample_schema") or self.model.sample_schema, self.files)

    @cached_property
    def fetcher(self) -> Fetcher:
        """Return the fetcher for files that samples name by URL; all predictors share it, and its limits."""
        if self.of_service is not None:
            return self.of_service.fetcher
        return Fetcher(self.settings.fetch_hosts, self.settings.max_body, self.settings.fetch_timeout)

    def with_fetched_files(self, samples: Series) -> Series:
        """Return samples with URLs replaced by their files; raise Malformed."""
        if not self.files.arguments or not self.settings.fetch_hosts:
            return samples
        self._check_number(samples)
        return Series(self.fetcher.fetched(samples.elements, self.files))

    @property
    def files(self) -> Files:
        """Return the arguments of predictor that are files."""
        return files.from_manifest(self.model.manifest)

    @property
    def limits(self) -> Limits:
        """Return the limits for one body."""
        return Limits(self.settings.max_samples, self.settings.max_body)

    @property
    def ready(self) -> bool:
        """Return whether the service is ready for predictions."""
        return self.health.is_ready()

    def files_in(self, content: bytes) -> tuple[bytes | None, Parameters]:
        """Return the sample with files in the request's body, None for any other body, and the query's parameters."""
        query = in_query(request.query_string.decode("latin-1"))
        accept, declared = request.headers.get("Accept"), self.calls.parameters
        return form.files_in(request.content_type, content, self.files, accept, query=query, parameters=declared)

    def answer_files(self, function: str = "") -> Response | None:
        """Return the response to a body that is a file or a form with files; None for any other body.

        `function` is the notebook's function to call, "" for predictor.
        """
        try:
            self.require_default()
            content = body(self.settings.max_body)
            sample, parameters = self.files_in(content)
            call = self.calls.made(parameters, request.headers, function) if sample else b""
        except Malformed as error:
            return rejection_response(problem, error.status, str(error))
        if sample is None:
            return None
        return response_of(replies.from_answer(self.asker.ask_files(sample, call), replies.disclosure(self.settings)))

    def answer(self, read: Callable[[bytes], Question], rejection: Refusal) -> Response:
        """Return the response with predictions for the samples that `read` finds in the body, or the rejection."""
        try:
            self.require_default()
            question = read(body(self.settings.max_body))
            call = self.calls.made(question.parameters, request.headers, question.function)
            samples = self.with_fetched_files(question.samples)
            if question.may_be_file and self.files.has_answers:
                return self._answer_by_file(question, samples, call)
            answers = self._answers(samples, call)
            response = response_with(question.write(answers))
            if not question.function:
                self.keep(answers)
        except Malformed as error:
            if error.errors and rejection is problem:
                rejection = partial(problem, errors=error.errors)
            return rejection_response(rejection, error.status, str(error))
        else:
            return response

    def _answer_by_file(self, question: Question, samples: Series, call: bytes) -> Response:
        """Return the response with the prediction for one sample in JSON, which is a file if Accept allows that."""
        prefix = self.files.prefix_of_json(request.headers.get("Accept"))
        (sample,) = samples.elements
        answer = self.asker.ask_files(prefix + sample, call)
        if answer.outcome != outcomes.OK:
            return response_of(replies.from_answer(answer, replies.disclosure(self.settings)))
        self.keep(answer.payload)
        return response_with(question.write([answer.payload]))

    def keep(self, answers: Series | bytes) -> None:
        """Keep the predictions of this request, or its single one, for feedback, unless they are too large."""
        request_id = g.get("request_id")
        # Feedback concerns the default predictor only.
        if not self.settings.feedback_memory or request_id is None or self.model.predictor:
            return
        size, is_many = (answers.size, True) if isinstance(answers, Series) else (len(answers), False)
        if size <= kept_answers.MAX_LENGTH:
            payload = answers.array if isinstance(answers, Series) else answers
            self.asker.notify({"keep": [request_id, is_many, payload.decode("utf-8", "surrogatepass")]})

    def _answers(self, samples: Series, call: bytes) -> Series:
        """Return the predictions for `samples`; raise Malformed with the status and detail of the first failure."""
        try:
            self._check_number(samples)
            if self.asker.together and samples.at_most > 1:
                parts = list(samples.parts(failures.TOGETHER))
                is_numbers, bodies = series.bodies(parts)
                ask = self.asker.ask_blocks if is_numbers else self.asker.ask_arrays
                return Series.joined(self._payloads(ask(bodies, call), parts))
            return Series(self._payloads(self.asker.ask_many(samples.elements, call), samples))
        except Malformed:
            raise
        except ValueError as error:
            # A JSON array passed on as bytes is decoded only here.
            raise Malformed(f"The body is not JSON: {error}.") from error

    def _check_number(self, samples: Series) -> None:
        if samples.at_most > self.limits.samples:
            self.limits.check_samples(len(samples))

    def _payloads(self, answers: list[Answer | None], samples: Sequence) -> list[bytes]:
        for number, answer in enumerate(answers):
            if answer is not None and answer.outcome != outcomes.OK:
                raise failures.failure(answer, samples, number, replies.disclosure(self.settings))
        payloads = [answer.payload for answer in answers if answer is not None]
        if len(payloads) != len(answers):
            raise RuntimeError("samples were left out, but none of the others failed")
        return payloads


def reject_foreign_page(context: RouteContext) -> Response | None:
    """Return a rejection if the request's headers show that a page of another origin sent it, else None."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if auth.is_sent_by_foreign_page(headers, context.settings.cors_origins):
        return response_of(auth.FOREIGN)
    return None


def body(most: int) -> bytes:
    """Return the decompressed request body; raise Malformed if it is invalid, or larger than `most`."""
    data = request.get_data()
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return data
    try:
        return content_coding.decompressed(data, coding, most)
    except content_coding.UnknownCoding as error:
        names = " and ".join(content_coding.CODINGS)
        raise Malformed(f"Bodies compressed with {error} are not supported; {names} are.", 415) from error
    except content_coding.TooLarge as error:
        raise Malformed(replies.TOO_LARGE_WORDS, 413) from error
    except ValueError as error:
        raise Malformed(f"The body can't be decompressed: {error}.") from error


def response_with(content: Body, status: int = 200) -> Response:
    """Return the response for a protocol's body."""
    return Response(content.data, status, list(content.headers), content_type=content.content_type)


def rejection_response(rejection: Refusal, status: int, detail: str) -> Response:
    """Return the response for a protocol's rejection."""
    status, content = rejection(status, detail)
    response = response_with(content, status)
    if status == 503:
        response.headers["Retry-After"] = str(replies.RETRY_SECONDS)
    if status == 415:
        # The codings that the client may use instead (RFC 9110, section 15.5.16).
        response.headers["Accept-Encoding"] = ", ".join(content_coding.CODINGS)
    return response


def problem(status: int, detail: str, errors: Sequence[dict] = ()) -> tuple[int, Body]:
    """Return a problem document of RFC 9457, for formats that don't define errors."""
    reply = replies.rejected(replies.Rejection(status, detail, errors))
    return status, Body(reply.body, reply.content_type)


def response_of(reply: Reply) -> Response:
    """Return the response for a reply, in the form of the protocol that the request's path belongs to."""
    reply = replies.in_form_of(request.path, reply)
    return Response(reply.body, reply.status, list(reply.headers), content_type=reply.content_type)
