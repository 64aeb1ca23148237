"""Public images that are infrastructure, known by name: what runs in a service whose image is only named."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an infrastructure image is for."""

    DATABASE = "database"
    STORE = "store"
    BROKER = "broker"
    PROXY = "proxy"
    WEB_SERVER = "web server"
    MONITORING = "monitoring"
    BROWSER = "browser"
    TOOL = "tool"


# fmt: off
_ROLES: dict[Role, tuple[str, ...]] = {
    Role.DATABASE: (
        "postgres", "postgresql", "postgis", "pgvector", "timescaledb", "mysql", "mysql-server", "mariadb",
        "mongo", "mongodb", "cassandra", "scylla", "cockroach", "couchdb", "couchbase", "influxdb", "neo4j",
        "elasticsearch", "opensearch", "solr", "clickhouse", "clickhouse-server", "mssql-server", "server",
        "db2", "questdb", "qdrant", "weaviate", "milvus", "meilisearch", "typesense",
        "dynamodb-local", "surrealdb", "rethinkdb",
    ),
    Role.STORE: (
        "redis", "redis-stack", "redis-stack-server", "valkey", "keydb", "dragonfly", "memcached", "minio",
        "etcd", "consul", "vault", "localstack", "azurite",
    ),
    Role.BROKER: (
        "rabbitmq", "kafka", "cp-kafka", "redpanda", "nats", "nats-streaming", "activemq", "artemis",
        "pulsar", "zookeeper", "cp-zookeeper", "mosquitto", "eclipse-mosquitto", "emqx", "nsq",
        "schema-registry",
    ),
    Role.PROXY: (
        "haproxy", "traefik", "envoy", "kong", "nginx-proxy", "nginx-proxy-manager", "squid", "varnish",
        "oauth2-proxy", "pgbouncer", "certbot", "cloudflared", "ngrok", "pomerium", "linkerd", "krakend",
    ),
    Role.WEB_SERVER: (
        "nginx", "nginx-unprivileged", "httpd", "caddy", "openresty", "lighttpd", "apache",
    ),
    Role.MONITORING: (
        "prometheus", "grafana", "loki", "promtail", "tempo", "jaeger", "all-in-one", "zipkin",
        "alertmanager", "node-exporter", "cadvisor", "opentelemetry-collector",
        "opentelemetry-collector-contrib", "kibana", "logstash", "filebeat", "fluentd", "fluent-bit",
        "statsd", "graphite-statsd", "telegraf", "vector", "portainer", "portainer-ce", "watchtower",
        "dozzle", "flower",
    ),
    Role.BROWSER: (
        "selenium", "standalone-chrome", "standalone-firefox", "hub", "browserless", "chrome",
        "headless-shell", "playwright", "alpine-chrome",
    ),
    Role.TOOL: (
        "adminer", "phpmyadmin", "pgadmin4", "mongo-express", "redis-commander", "redisinsight", "mailhog",
        "mailpit", "maildev", "mailcatcher", "smtp4dev", "wait-for-it", "dockerize", "migrate", "flyway",
        "liquibase", "docker", "dind", "busybox", "keycloak", "gitea", "jenkins", "sonarqube", "registry",
    ),
}
# fmt: on
_BY_NAME = {name: role for role, names in _ROLES.items() for name in names}
# The last part of an image's name says too little alone; these need the part before it too.
_AMBIGUOUS = {
    "server": "mssql",
    "hub": "selenium",
    "all-in-one": "jaegertracing",
    "chrome": "browserless",
    "migrate": "migrate",
    "vector": "timberio",
}


def image_name(reference: str) -> str:
    """The last part of an image reference, without tag and digest: `redis` of `docker.io/bitnami/redis:7`."""
    return reference.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()


def role_of(reference: str | None) -> Role | None:
    """What an image is for, where its name is one that everybody knows."""
    if not reference:
        return None
    name = image_name(reference)
    if name in _AMBIGUOUS:
        parts = reference.lower().split("/")
        if len(parts) < 2 or parts[-2] != _AMBIGUOUS[name]:
            return None
    return _BY_NAME.get(name)
