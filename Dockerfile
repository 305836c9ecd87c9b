# One image for all functions; FUNCTION_TARGET, which each manifest sets, chooses. The tag says what the digest is of.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20

FROM ${NODE_IMAGE} AS bundle
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm exec -- formbus bundle --out /app && install -d -o 65532 /app/cache
# Loads each function once as the user that will run it, for Node's compile cache goes by the user's number. What these
# functions miss in their environment does not matter here.
USER 65532:65532
WORKDIR /app
RUN for file in *.mjs; do \
      FUNCTION_TARGET=${file%.mjs} NODE_COMPILE_CACHE=cache node main.mjs --check 2>/dev/null; \
    done; \
    chmod -R a+rX cache/*

FROM ${NODE_IMAGE}
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/cache
WORKDIR /app
COPY --from=bundle /app ./
# Nothing is written at run time, and any other user does as well: it only goes without the compile cache.
USER 65532:65532
CMD ["node", "main.mjs"]
