# syntax=docker/dockerfile:1
# Kafka Connect with Debezium and the Avro converter that our tests run with, 2.6.13, which speaks the registry's v2.
# The official image alone has a newer one, which speaks v3 and which the chart takes unless told otherwise. With this image:
#   connect.image.repository=turnstream-connect, connect.image.registry=, connect.image.tag=0.1.0
#   connect.pluginPath=/kafka/connect,/kafka/converters, registry.connectPath=/apis/registry/v2
# Build it from the repository's root: docker build --file docker/connect.Dockerfile --tag turnstream-connect:0.1.0 .
ARG MAVEN_IMAGE=docker.io/library/maven:3.9-eclipse-temurin-21
ARG CONNECT_IMAGE=quay.io/debezium/connect:3.7.0.Final

FROM ${MAVEN_IMAGE} AS converter
ARG CONVERTER_VERSION=2.6.13.Final
COPY local/maven/converter.xml /build/pom.xml
RUN mvn --batch-mode --file /build/pom.xml -Dversion="${CONVERTER_VERSION}" -Dout=/converters/avro package

FROM ${CONNECT_IMAGE}
COPY --from=converter --chown=1001:1001 /converters /kafka/converters
ENV CONNECT_PLUGIN_PATH=/kafka/connect,/kafka/converters
