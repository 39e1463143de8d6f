# docker build -t photpipe .
# docker run --rm -v "$PWD:/data" -w /data photpipe pp_run all
FROM debian:stable-slim
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
       source-extractor scamp swarp python3 python3-venv python3-tk \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/photometrypipeline
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir /opt/photometrypipeline
ENV PATH="/opt/venv/bin:$PATH" PHOTPIPE_CACHE=/data/.photpipe_cache
WORKDIR /data
CMD ["pp_doctor"]
