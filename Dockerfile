# One recipe, five images: docker build --build-arg SERVICE=lobby --tag videomottagning/lobby .
# The image runs as a nobody, writes nothing, and needs no capability.

FROM python:3.11-slim-bookworm AS packages
RUN python -m venv /opt/venv
COPY requirements.txt /
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /requirements.txt

# The simulators and the test mailbox stand on the developers' packages. Never built by default.
FROM packages AS dev-packages
COPY requirements-dev.txt /
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /requirements-dev.txt

FROM python:3.11-slim-bookworm AS ground
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin videomottagning
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001

FROM ground AS dev
LABEL org.opencontainers.image.title="videomottagning/dev" \
      org.opencontainers.image.description="Simulators for trying the suite out. Not for production."
COPY --from=dev-packages /opt/venv /opt/venv
COPY contract contract
COPY chassis chassis
COPY dev dev
COPY deploy/__init__.py deploy/simulators.py deploy/
ENTRYPOINT ["python", "-m"]

FROM ground AS service
COPY --from=packages /opt/venv /opt/venv
COPY contract contract
COPY chassis chassis
COPY frontend frontend
COPY services/__init__.py services/
ARG SERVICE
COPY services/${SERVICE} services/${SERVICE}
# A root that cannot be written to cannot keep compiled modules either, so they are made here.
USER root
RUN python -m compileall -q -j 0 . && python -c "import services.${SERVICE}"
USER 10001:10001
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="videomottagning/${SERVICE}" \
      org.opencontainers.image.description="Scheduled video appointments between patients and healthcare professionals: ${SERVICE}" \
      org.opencontainers.image.licenses="EUPL-1.2" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV SERVICE=${SERVICE} \
    HOST=0.0.0.0 \
    PORT=8080 \
    OPS_HOST=0.0.0.0 \
    OPS_PORT=9090
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"OPS_PORT\"]}/ready', timeout=2)"]
# The shell only fills in the name and is gone: the service itself is process 1 and hears SIGTERM.
ENTRYPOINT ["/bin/sh", "-c", "exec python -m \"services.$SERVICE\" \"$@\"", "service"]
