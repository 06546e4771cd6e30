# syntax=docker/dockerfile:1
# One image for server, worker and the commands: docker build -t tandem .
# By digest: what a tag names changes. The digest of today: docker buildx imagetools inspect node:22-bookworm-slim
FROM node:22-bookworm-slim@sha256:43ac6c60b8f89723f746e8a92ce91abd5017e627ce1ddfe4238355d3a30b772c AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY scripts/build.mjs scripts/bundle.mjs scripts/validators.mjs ./scripts/
COPY schemas ./schemas
COPY api ./api
COPY engine ./engine
COPY server ./server
COPY cli ./cli
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim@sha256:43ac6c60b8f89723f746e8a92ce91abd5017e627ce1ddfe4238355d3a30b772c
ENV NODE_ENV=production \
    TANDEM_HOST=0.0.0.0 \
    TANDEM_PORT=8080 \
    TANDEM_CONFIG=/config
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The formats of the files belong to this version, whatever is mounted over /config.
COPY schemas ./schemas
# The included files; mount your own folder over /config to run others and to edit them live.
COPY mappings /config/mappings
COPY systems /config/systems
COPY schemas /config/schemas
# Not root, and nothing in the image is writable for it: all that lasts is in Redis.
USER node
EXPOSE 8080
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["start"]
