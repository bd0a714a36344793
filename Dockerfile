FROM golang:1.26-alpine AS build
WORKDIR /src
# The modules change less often than the code, so they get a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X graphpatch/internal/cli.Version=${VERSION}" \
    -o /out/ ./cmd/worker ./cmd/enqueue ./cmd/audit ./cmd/graphsim

FROM alpine:3.23
# tzdata: schedules may name a time zone.
RUN apk add --no-cache ca-certificates tzdata \
 && adduser -D -u 10001 graphpatch
COPY --from=build /out/ /usr/local/bin/
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /home/graphpatch
# No ENTRYPOINT: the command names the program, as it does on any machine.
CMD ["worker", "run"]
