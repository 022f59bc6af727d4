# The service and the `tenants` command line in one image.
#
#   docker build -t koa-tenants .
#   docker run --env-file .env -p 8080:8080 koa-tenants             serve
#   docker run --env-file .env koa-tenants tenants migrate          operate
#
# NODE_IMAGE: a Debian image with Node 24 and npm. POSTGRES_IMAGE: an image of the same
# Debian release, whose psql and pg_dump are used. Its version must be the server's or later.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG POSTGRES_IMAGE=postgres:18-bookworm

# Common to build and runtime: versions of the lock file, no install scripts.
FROM ${NODE_IMAGE} AS base
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
COPY scripts/node/package.json ./scripts/node/

FROM base AS build
# Without npm's downloads and without a second Node: their layer would be twice as large.
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf ~/.npm node_modules/node-linux-*
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY fixtures ./fixtures
COPY migrations ./migrations
COPY sql ./sql
COPY console ./console
COPY src ./src
RUN node scripts/build.ts

# Production dependencies only, in a separate stage.
FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf ~/.npm
# Reproducible: two builds of one commit have the same files, so no random serial number and no build time.
ARG SOURCE_DATE_EPOCH=0
RUN npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx > sbom.json \
 && sed -i -e '/"serialNumber":/d' \
      -e "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)\"/" sbom.json

# psql and pg_dump with their libraries, for `tenants dump-tenant --format sql` and for debugging.
FROM ${POSTGRES_IMAGE} AS client
RUN mkdir -p /client/bin /client/lib \
 && cp /usr/lib/postgresql/*/bin/psql /usr/lib/postgresql/*/bin/pg_dump /client/bin/ \
 && ldd /client/bin/* | awk '$3 ~ /^\// { print $3 }' | sort -u \
  | grep -Ev '/(libc|libm|libdl|libpthread|librt|libresolv)\.so' | xargs -I{} cp -L {} /client/lib/

# The service without PostgreSQL's programs.
FROM ${NODE_IMAGE} AS service
WORKDIR /app
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/sbom.json /app/package.json ./
COPY --from=build /app/dist ./dist

# Compiled code of the service's modules: a start takes less processor time. Node uses a folder for each user, and
# writes files that only this user can read.
FROM service AS compiled
COPY scripts/fill-compile-cache.ts ./scripts/
USER node
RUN NODE_COMPILE_CACHE=/tmp/compiled node scripts/fill-compile-cache.ts \
 && chmod -R a+rX /tmp/compiled

FROM service
COPY --from=client /client /opt/postgresql
RUN for program in psql pg_dump; do \
      printf '#!/bin/sh\nLD_LIBRARY_PATH=/opt/postgresql/lib exec /opt/postgresql/bin/%s "$@"\n' $program > /usr/local/bin/$program; \
    done \
 && printf '#!/bin/sh\nexec node /app/dist/src/cli.js "$@"\n' > /usr/local/bin/tenants \
 && chmod +x /usr/local/bin/psql /usr/local/bin/pg_dump /usr/local/bin/tenants
# Not in /app, whose files are the same in each build: V8's are not. Not writable: it is code.
COPY --from=compiled /tmp/compiled /opt/compiled
ENV NODE_COMPILE_CACHE=/opt/compiled
# The user owns no files: the root file system may be read-only.
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main.js"]
