# One image for all functions; FUNCTION_TARGET, which each manifest sets, chooses. The tag says what the digest is of.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20

FROM ${NODE_IMAGE} AS bundle
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm exec -- formbus bundle --out /app

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=bundle /app ./
# Nothing is written at run time, and any other user does as well.
USER 65532:65532
# The snapshot fits the Node of this image only; without it, main.mjs does the same and takes half as long again to start.
CMD ["node", "--snapshot-blob", "snapshot.blob", "main.mjs"]
