# The operator's image: one static binary and nothing else.
#     docker build -t crash-diagnosis .
# BUILD_IMAGE is any image with Rust, a C compiler and the C library's static archive. tests/operator/image fills it with a local one.
ARG BUILD_IMAGE=rust:1-slim-bookworm

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY benches benches
COPY docs/causes docs/causes
# Naming the target keeps crt-static away from proc macros, which cannot be static.
RUN --mount=type=cache,target=/src/target,sharing=locked \
    host=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --bin crash-diagnosis --target "$host" && \
    cp "target/$host/release/crash-diagnosis" /crash-diagnosis

FROM scratch
COPY --from=build /crash-diagnosis /crash-diagnosis
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/crash-diagnosis"]
CMD ["run"]
