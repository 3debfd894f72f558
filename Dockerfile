# syntax=docker/dockerfile:1
# The production image: runtime packages only. The embedded providers and the development tools are not in it.
# The base is named by its exact release. To pin it by content as well, replace the tag by the digest that
# `docker buildx imagetools inspect python:3.11.14-slim-bookworm` shows.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt

FROM python:3.11.14-slim-bookworm
ARG VERSION=unknown
LABEL org.opencontainers.image.title="AI Cost Optimizer" org.opencontainers.image.version="${VERSION}"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=optimizer_project.settings \
    ENVIRONMENT=production \
    DATA_DIR=/var/lib/optimizer
RUN useradd --system --uid 10001 --home-dir /var/lib/optimizer --create-home --shell /usr/sbin/nologin optimizer \
    # What the processes of one machine tell Prometheus: the only folder that is written to, on a volume of its own.
    && install -d -o optimizer -g optimizer /var/lib/optimizer/prometheus
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
# Settings want these to be set; they are used for nothing else here and are not kept in the image.
RUN SECRET_KEY=only-while-static-files-are-collected-0123456789-abcdefghij \
    ALLOWED_HOSTS=localhost \
    python manage.py collectstatic --no-input \
    # The image is read-only when it runs: byte code must be there by then.
    && python -m compileall -q /app
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "scripts/healthcheck.py"]
# The graceful time is a little over GATEWAY_DRAIN_SECONDS' default, so that open requests end by themselves.
CMD ["uvicorn", "optimizer_project.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--loop", "uvloop", "--http", "optimizer_project.http_protocol:BoundedHttpProtocol", \
     "--no-access-log", "--no-server-header", "--no-proxy-headers", "--ws-max-size", "16384", \
     "--timeout-graceful-shutdown", "30"]
