"""io.kestra.plugin.core.http.Request: a request whose answer is the output."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.http.call import HttpCall

MAX_BODY = 10 * 1024 * 1024
"""Bytes of an answer that become an output, unless the options say otherwise."""


class RequestOutput(TaskOutput):
    """The answer: code, headers (each a list), where it came from, and its text, encrypted when asked for."""

    code: int = Field(description="Status code of the answer.")
    headers: Mapping[str, list[str]] = Field(description="Headers of the answer, each with a list of values.")
    uri: str = Field(description="Where the answer came from, after redirects.")
    body: str | None = Field(default=None, description="Text of the answer; null when it is encrypted.")
    encrypted_body: Mapping[str, str] | None = Field(default=None, description="Encrypted text of the answer, with `encryptBody`.")


class Request(HttpCall, RunnableTask):
    """Send an HTTP request; the answer is the output. For a big answer use Download."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.http.Request"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Request",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: ask
        type: io.kestra.plugin.core.http.Request
        uri: https://example.com/products
        """,
        """
        id: send
        type: io.kestra.plugin.core.http.Request
        uri: https://example.com/upload
        method: POST
        contentType: multipart/form-data
        formData:
          kind: report
          file: "{{ inputs.file }}"
        options:
          auth:
            type: BEARER
            token: "{{ secret('API_TOKEN') }}"
        """,
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("request.length", MetricType.COUNTER, "Bytes sent."),
        Measure("response.length", MetricType.COUNTER, "Bytes received."),
    )

    encrypt_body: Property[bool] = Field(default=Property.of("false", bool), description="Encrypt the answer's text.")

    def run(self, context: RunContext) -> RequestOutput:
        from kestra_stream.plugin.core.http.exchange import opened  # noqa: PLC0415 - loads httpx

        limit = self.options.max_content_length
        with opened(context, self) as answer:
            content = answer.body(context.render(limit) if limit is not None else MAX_BODY)
        if answer.sent is not None:
            context.counter("request.length", answer.sent)
        context.counter("response.length", len(content))
        text = decoded(content, answer.charset or context.render(self.options.default_charset))
        if not context.render(self.encrypt_body):
            return RequestOutput(code=answer.code, headers=answer.headers, uri=answer.uri, body=text)
        return RequestOutput(code=answer.code, headers=answer.headers, uri=answer.uri, encrypted_body=context.encrypt(text))


def decoded(content: bytes, charset: str) -> str:
    """Return the text of an answer; an encoding that nobody knows counts as UTF-8."""
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")
