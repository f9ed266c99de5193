FROM node:22-slim AS build
WORKDIR /parlor
COPY . .
RUN npm ci --no-audit --no-fund && npm prune --omit=dev --ignore-scripts

FROM node:22-slim
ENV NODE_ENV=production
COPY --from=build /parlor/package.json /parlor/README.md /parlor/LICENSE /parlor/
COPY --from=build /parlor/node_modules /parlor/node_modules
COPY --from=build /parlor/bin /parlor/bin
COPY --from=build /parlor/dist /parlor/dist
COPY --from=build /parlor/spec /parlor/spec
COPY --from=build /parlor/schemas /parlor/schemas
COPY --from=build /parlor/conformance/config.schema.json /parlor/conformance/
# Whoever runs it, and without a volume, a conversation that fails is saved there.
RUN install --directory --mode=1777 /work
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["node", "/parlor/bin/parlor.js"]
CMD ["--help"]
