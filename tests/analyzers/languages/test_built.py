"""Files of the final image are followed back to the stage that made them."""

from __future__ import annotations

from analyzers.dockerfile import stages
from analyzers.languages.built import origin

DOCKERFILE = b"""FROM golang AS build
RUN go build -o /out/server ./cmd/x
FROM alpine AS mid
COPY --from=build /out/ /opt/
FROM node
WORKDIR /site
RUN npm run build
FROM scratch
COPY --from=mid /opt/server /bin/
COPY --from=2 /site/dist /srv
COPY --from=2 /site/*.json /etc/site/
COPY config /config
"""


def of(path: str) -> tuple[str | None, str]:
    image, others = stages.resolve_all(DOCKERFILE, dockerfile="Dockerfile", context="")
    assert [stage.stage for stage in others] == ["build", "mid", "2"]
    found = origin(image, others, path)
    return found.image.stage, found.path


def test_through_two_stages() -> None:
    assert of("/bin/server") == ("build", "/out/server")


def test_a_folder_of_a_stage_without_a_name() -> None:
    assert of("/srv/index.html") == ("2", "/site/dist/index.html")


def test_a_pattern() -> None:
    assert of("/etc/site/a.json") == ("2", "/site/a.json")


def test_what_no_stage_brought() -> None:
    assert of("/config/x") == (None, "/config/x")
