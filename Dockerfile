# kestra-stream: every component from one image; the arguments say which, as `server worker -t 32` or `run flow.yaml`.
FROM python:3.11-slim AS build
WORKDIR /source
RUN python -m venv /opt/kestra-stream
ENV PATH=/opt/kestra-stream/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The dependencies are a layer of their own: a change of the source builds the second one anew only.
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY kestra_stream kestra_stream
RUN pip install --no-deps --no-build-isolation . && python -m compileall -q /opt/kestra-stream

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/kestra-stream kestra
COPY --from=build /opt/kestra-stream /opt/kestra-stream
ENV PATH=/opt/kestra-stream/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/kestra-stream
# The management port: health and metrics.
EXPOSE 8081
ENTRYPOINT ["kestra-stream"]
CMD ["server", "standalone"]
