"""Public images that are infrastructure, known by name: what runs in a service whose image is only named."""

from __future__ import annotations

from enum import StrEnum

from analyzers import base_images


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
    MODEL_SERVER = "model server"


def role_of(reference: str | None) -> Role | None:
    """What an image is for, where its name is one that everybody knows."""
    known = base_images.find(reference) if reference else None
    return Role(known.role) if known is not None and known.role else None
