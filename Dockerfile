# syntax=docker/dockerfile:1
# The service in a container: built in the first stage, its dependencies installed in the second, and neither a
# compiler nor a development dependency in the last. Runs as nobody in particular, on a read-only root file system;
# what it writes is under /var/lib/rstuf.
ARG NODE=24-bookworm-slim

FROM node:${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY tools ./tools
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY bin ./bin
COPY src ./src
RUN npm run build

FROM node:${NODE} AS dependencies
WORKDIR /opt/rstuf
COPY package.json package-lock.json .npmrc ./
COPY tools ./tools
RUN npm ci --omit=dev --ignore-scripts && rm -rf tools package-lock.json .npmrc

FROM node:${NODE}
RUN groupadd --gid 10001 rstuf \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/rstuf --shell /usr/sbin/nologin rstuf \
 && install -d -o rstuf -g rstuf -m 0750 /var/lib/rstuf \
 && install -d -o rstuf -g rstuf -m 0755 /srv/metadata
COPY --from=dependencies /opt/rstuf /opt/rstuf
COPY --from=build /build/bin /opt/rstuf/bin
COPY --from=build /build/dist /opt/rstuf/dist
COPY docs/api/openapi.json /opt/rstuf/docs/api/openapi.json
COPY LICENSE /opt/rstuf/
USER 10001:10001
WORKDIR /var/lib/rstuf
# Beyond loopback it starts only with RSTUF_API_TOKENS_FILE, or the frank flag that says none are needed.
ENV NODE_ENV=production \
    RSTUF_DATA_DIR=/var/lib/rstuf \
    RSTUF_SERVER_HOST=0.0.0.0 \
    RSTUF_SERVER_PORT=8080
VOLUME /var/lib/rstuf
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/rstuf/bin/rstuf.js"]
CMD ["serve"]
