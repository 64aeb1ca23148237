"""Java and Kotlin services from whole small trees: module, entry, listener, dependencies, facts, routes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import inventory
from analyzers.model import FactKind, Inbound, Source
from tests.analyzers import trees

DOCKERFILE = """\
FROM maven:3-eclipse-temurin-21 AS build
WORKDIR /src
COPY . .
RUN mvn -q package
FROM eclipse-temurin:21-jre
COPY --from=build /src/target/shop-1.0.jar /app/app.jar
EXPOSE 8080
CMD ["java", "-Xmx200m", "-jar", "/app/app.jar"]
"""
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>3.5.5</version>
  </parent>
  <groupId>com.shop</groupId>
  <artifactId>shop</artifactId>
  <version>1.0</version>
  <properties><jedis.version>5.1.0</jedis.version></properties>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-web</artifactId>
    </dependency>
    {more}
  </dependencies>
</project>
"""
MAIN = """\
package com.shop;
import org.springframework.boot.SpringApplication;
@SpringBootApplication
public class Shop {
  public static void main(String[] args) { SpringApplication.run(Shop.class, args); }
}
"""


def dependency(group: str, artifact: str, version: str = "", scope: str = "") -> str:
    extra = f"<version>{version}</version>" if version else ""
    extra += f"<scope>{scope}</scope>" if scope else ""
    return f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>{extra}</dependency>"


def spring(root: Path, files: dict[str, str], more: str = "", dockerfile: str = DOCKERFILE) -> Source:
    """The source of a Spring Boot service with these classes beside the main one."""
    tree = {
        "Dockerfile": dockerfile,
        "pom.xml": POM.replace("{more}", more),
        "src/main/java/com/shop/Shop.java": MAIN,
        **files,
    }
    source = trees.only(root, tree).source
    assert source is not None
    return source


def test_spring_boot_behind_a_jar_of_another_stage(tmp_path: Path) -> None:
    source = spring(
        tmp_path,
        {
            "src/main/java/com/shop/Items.java": """\
            package com.shop;
            @RestController
            @RequestMapping("/items")
            public class Items {
              private final Map<String, Integer> stock = new ConcurrentHashMap<>();
              @GetMapping("/{id}")
              public Integer one(@PathVariable String id) { return stock.get(id); }
              @PostMapping
              public void add(@RequestBody Item item) { stock.put(item.id, item.count); }
            }
            """,
            "src/test/java/com/shop/ItemsTest.java": 'class T { void t() { new ProcessBuilder("ls"); } }\n',
        },
    )
    assert (source.language, source.framework, source.root) == ("java", "spring-boot", "")
    assert source.entry == "src/main/java/com/shop/Shop.java"
    assert source.entry_evidence is not None
    assert source.entry_evidence.line == 3
    assert {(r.method, r.path, str(r.evidence)) for r in source.routes} == {
        ("GET", "/items/{id}", "src/main/java/com/shop/Items.java:6"),
        ("POST", "/items", "src/main/java/com/shop/Items.java:8"),
    }
    state = trees.found(source, FactKind.MEMORY_STATE)
    assert [str(e) for e in state["Items.stock"].evidence] == ["src/main/java/com/shop/Items.java:9"]
    assert not trees.found(source, FactKind.SUBPROCESS)


def test_port_and_database_from_the_settings(tmp_path: Path) -> None:
    source = spring(
        tmp_path,
        {
            "src/main/resources/application.yml": """\
            server:
              port: ${PORT:9090}
            spring:
              datasource:
                url: jdbc:postgresql://db:5432/shop
            """,
            "src/main/java/com/shop/Item.java": "package com.shop;\nimport jakarta.persistence.Entity;\n",
        },
        dependency("org.postgresql", "postgresql", "42.7.4") + dependency("com.h2database", "h2", "", "test"),
    )
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "9090"
    database = trees.found(source, FactKind.DATABASE)
    assert {name: fact.detail for name, fact in database.items()} == {"postgres": "db:5432"}
    assert str(database["postgres"].evidence[0]) == "src/main/resources/application.yml:5"
    assert "h2" not in {one.name for one in source.dependencies}


def test_a_driver_without_use_decides_nothing(tmp_path: Path) -> None:
    source = spring(tmp_path, {}, dependency("org.postgresql", "postgresql", "42.7.4"))
    assert not trees.found(source, FactKind.DATABASE)


def test_versions_from_properties_and_parent(tmp_path: Path) -> None:
    more = dependency("redis.clients", "jedis", "${jedis.version}")
    source = spring(tmp_path, {}, more)
    assert {one.name: one.version for one in source.dependencies} == {
        "spring-boot-starter-web": "3.5.5",
        "jedis": "5.1.0",
    }


def test_comments_and_strings_are_no_code(tmp_path: Path) -> None:
    body = (
        'package a;\nclass A { // new ProcessBuilder("ls")\n  String s = "new Socket(1)";\n  int Socket; }\n'
    )
    source = spring(tmp_path, {"src/main/java/com/shop/A.java": body})
    assert {fact.kind for fact in source.facts} == {FactKind.LISTEN}


def test_a_module_of_a_multi_module_build(tmp_path: Path) -> None:
    files = {
        "Dockerfile": """\
        FROM maven AS build
        WORKDIR /b
        COPY . .
        RUN mvn package -pl web -am
        FROM eclipse-temurin:21
        COPY --from=build /b/web/target/*.jar /app.jar
        ENTRYPOINT ["java", "-jar", "/app.jar"]
        """,
        "pom.xml": "<project><groupId>g</groupId><artifactId>all</artifactId><version>1</version>"
        "<modules><module>web</module><module>core</module><module>other</module></modules></project>",
        "web/pom.xml": "<project><parent><groupId>g</groupId><artifactId>all</artifactId><version>1</version>"
        "</parent><artifactId>web</artifactId><dependencies>"
        + dependency("io.javalin", "javalin", "6.1.3")
        + dependency("g", "core", "${project.version}")
        + "</dependencies></project>",
        "web/src/main/java/W.java": "import io.javalin.Javalin;\nclass W {\n"
        " public static void main(String[] a) { Javalin.create().start(7000); }\n}\n",
        "core/pom.xml": "<project><artifactId>core</artifactId></project>",
        "core/src/main/java/C.java": "import redis.clients.jedis.Jedis;\nclass C { Jedis j; }\n",
        "other/pom.xml": "<project><artifactId>other</artifactId></project>",
        "other/src/main/java/O.java": 'class O { void x() { new ProcessBuilder("x"); } }\n',
    }
    source = trees.only(tmp_path, files).source
    assert source is not None
    assert (source.root, source.framework) == ("web", "javalin")
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "7000"
    assert set(trees.found(source, FactKind.OUTBOUND)) == {"redis"}
    assert not trees.found(source, FactKind.SUBPROCESS)


def test_kotlin_with_gradle_and_a_version_catalog(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM gradle AS b\nWORKDIR /s\nCOPY . .\nRUN gradle :app:installDist\n"
        "FROM amazoncorretto:21\n"
        'COPY --from=b /s/app/build/install/app/lib /lib\nENTRYPOINT ["java", "-cp", "/lib/*", "x.MainKt"]\n',
        "settings.gradle.kts": 'include("app", "jobs")\n',
        "gradle/libs.versions.toml": '[versions]\nktor = "3.0.1"\n[libraries]\n'
        'ktor-netty = { module = "io.ktor:ktor-server-netty", version.ref = "ktor" }\n',
        "app/build.gradle.kts": "dependencies {\n    implementation(libs.ktor.netty)\n}\n",
        "app/src/main/kotlin/x/Main.kt": "package x\nimport io.ktor.server.netty.*\n"
        "val seen = mutableMapOf<String, Int>()\n"
        "fun main() {\n    embeddedServer(Netty, port = 8081) { module() }.start(true)\n}\n"
        'fun Application.module() { routing { get("/x") { seen.put("a", 1) } } }\n',
        "jobs/build.gradle.kts": "",
    }
    source = trees.only(tmp_path, files).source
    assert source is not None
    assert (source.language, source.framework, source.root) == ("kotlin", "ktor", "app")
    assert source.entry == "app/src/main/kotlin/x/Main.kt"
    assert [(d.name, d.version) for d in source.dependencies] == [("ktor-server-netty", "3.0.1")]
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "8081"
    assert "seen" in trees.found(source, FactKind.MEMORY_STATE)


def test_grpc_alone_and_a_consumer_alone(tmp_path: Path) -> None:
    docker = "FROM eclipse-temurin:21\nCOPY build/libs/a.jar /a.jar\nCMD java -jar /a.jar\n"
    files = {
        "grpc/Dockerfile": docker,
        "grpc/build.gradle": "dependencies { implementation 'io.grpc:grpc-netty:1.60.0' }\n",
        "grpc/src/main/java/S.java": "import io.grpc.ServerBuilder;\n"
        "class S { public static void main(String[] a) {\n"
        " ServerBuilder.forPort(9555).build(); } }\n",
        "jobs/Dockerfile": docker,
        "jobs/build.gradle": "dependencies { implementation 'org.apache.kafka:kafka-clients:3.6.0' }\n",
        "jobs/src/main/java/J.java": "import org.apache.kafka.clients.consumer.KafkaConsumer;\n"
        "class J { public static void main(String[] a) { new KafkaConsumer<>(p); } }\n",
    }
    services = trees.services(tmp_path, files)
    assert [listener.protocol for listener in services["grpc"].listeners] == [Inbound.GRPC]
    assert services["jobs"].listeners == ()
    assert [fact.subject for fact in services["jobs"].facts(FactKind.WORKER)] == ["kafka"]


@pytest.mark.parametrize(
    "pom",
    [
        '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><project>&a;</project>',
        "<project><dependencies>",
        "<p>" * 5_000,
    ],
)
def test_a_manifest_that_is_refused(tmp_path: Path, pom: str) -> None:
    root = trees.write(tmp_path, {"Dockerfile": DOCKERFILE, "pom.xml": pom, "src/main/java/A.java": MAIN})
    found = inventory.read(root)
    assert found.services[0].source is None
    assert found.services[0].language == "java"
    assert [one.path for one in found.not_read] == ["pom.xml"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300), manifest=st.binary(max_size=200), config=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes, manifest: bytes, config: bytes) -> None:
    for name, build in (("pom.xml", manifest), ("build.gradle", manifest), ("build.gradle.kts", manifest)):
        root = tmp_path / name
        head = b"import redis.clients.jedis;\nclass A { void f() { new Socket("
        files: dict[str, str | bytes] = {
            "Dockerfile": DOCKERFILE,
            name: build,
            "src/main/java/A.java": head + source,
            "src/main/resources/application.yml": config,
            "gradle/libs.versions.toml": config,
        }
        trees.services(root, files)


@pytest.mark.parametrize("bomb", [b"(" * 200_000, b"a<" * 100_000, b"{" * 200_000])
def test_brackets_that_nest_without_end(tmp_path: Path, bomb: bytes) -> None:
    source = b"class A { void f() { new ProcessBuilder(" + bomb
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE,
        "pom.xml": POM.replace("{more}", ""),
        "src/main/java/A.java": source,
        "src/main/java/com/shop/Shop.java": MAIN,
    }
    found = inventory.read(trees.write(tmp_path, files))
    assert [(one.path, one.reason) for one in found.not_read] == [
        ("src/main/java/A.java", "nests too deeply to be read")
    ]


def test_a_chain_without_end(tmp_path: Path) -> None:
    source = b"class A { int x = f" + b".a()" * 20_000 + b"; void f() { new ProcessBuilder(); } }"
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE,
        "pom.xml": POM.replace("{more}", ""),
        "src/main/java/A.java": source,
        "src/main/java/com/shop/Shop.java": MAIN,
    }
    found = inventory.read(trees.write(tmp_path, files))
    assert [one.path for one in found.not_read] == ["src/main/java/A.java"]
