# Both base images can be replaced. All that is asked of them: BUILD_IMAGE has a shell, npm and Node 24; RUNTIME_IMAGE has
# Node 24 on the PATH below.
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: the only one fetches a Node for machines that lack 24.
RUN npm ci --ignore-scripts
COPY rolldown.config.ts ./
COPY packaging ./packaging
COPY src ./src
RUN npm run build

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nightshift" \
      org.opencontainers.image.description="Restarts stale Kubernetes workloads in batches, inside maintenance windows, and resumes where it stopped." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Distroless keeps node in /nodejs/bin, Debian's images in /usr/local/bin.
ENV PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production
COPY --from=build /build/dist/nightshift.mjs /app/nightshift.mjs
# What is in it: a bill of materials for scanners, and the licences of others. What else is in the image is the base image's.
COPY --from=build /build/dist/nightshift.cdx.json /build/dist/nightshift.licenses.txt /app/
COPY LICENSE /app/LICENSE
# By number, so that a cluster can check runAsNonRoot without reading the image's passwd file.
USER 65532:65532
# These two flags keep 5,000 Deployments and 50,000 Pods within 256 MiB.
ENTRYPOINT ["node", "--max-old-space-size=96", "--max-semi-space-size=4", "/app/nightshift.mjs"]
CMD ["run"]
