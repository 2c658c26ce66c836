# An image with an in-memory Databricks workspace, as one static program:
#
#   docker build -t databricks-local .
#   docker run --rm -p 127.0.0.1:8080:8080 databricks-local -token dapi1
#
# Flags of databricks-local follow the name of the image. Do not use -addr. Choose the
# port with -p instead, because the health check uses port 8080, with or without -tls.
# With -v local:/data and -data /data, the state is kept when the container is removed.
# Flags for Python need an image with Python.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/databricks-local ./cmd/databricks-local
RUN mkdir /out/data /out/tmp

FROM scratch
COPY --from=build /out/databricks-local /databricks-local
# Directories for the state and for certificates.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s CMD ["/databricks-local", "-health", "127.0.0.1:8080"]
ENTRYPOINT ["/databricks-local", "-addr", ":8080", "-public"]
