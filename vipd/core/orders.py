"""What an operator has ordered for an instance, beside what is configured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What holds until it is taken back.

    `maintenance` is why the instance must not serve; `priority` stands for the configured one.
    """

    maintenance: str | None = None
    priority: int | None = None


NONE = Orders()
