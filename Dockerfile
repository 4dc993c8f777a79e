# The README's two commands in a container:
#   docker build -t segnet_tf .
#   docker run segnet_tf make demo
#   docker run segnet_tf make test
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /segnet_tf
COPY . .
RUN make setup
CMD ["make", "demo"]
