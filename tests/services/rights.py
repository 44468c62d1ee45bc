"""Rights of a user on a broker that has an authorizer: given, taken away and given back."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.services.broker import PATIENCE, Broker

AUTHORIZER = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS"}
"""Properties of a broker that lets nobody do anything but its administrators."""
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactional-id": ResourceType.TRANSACTIONAL_ID}


class Rights:
    """Rights of one user.

    Args:
        administrator: how the broker's administrators reach it.
        user: whose rights.
    """

    def __init__(self, administrator: Broker, user: str) -> None:
        self._admin = administrator.admin()
        self._user = user

    def allow(self, prefix: str) -> None:
        """Allow everything on what begins so."""
        self._create([self._acl(kind, prefix, "ALL", AclPermissionType.ALLOW) for kind in _KINDS])

    @contextmanager
    def without(self, kind: str, name: str, operation: str) -> Generator[None, None, None]:
        """Take a right away on a topic, group or transactional id (all that begin so) for as long as the block lasts."""
        denied = self._acl(kind, name, operation, AclPermissionType.DENY)
        self._create([denied])
        try:
            yield
        finally:
            self.give_back(denied)

    def give_back(self, denied: AclBinding) -> None:
        """Take back what was denied."""
        found = (denied.restype, denied.name, denied.resource_pattern_type, denied.principal, denied.host)
        lost = AclBindingFilter(*found, denied.operation, denied.permission_type)
        for future in self._admin.delete_acls([lost]).values():
            future.result(PATIENCE)

    def _create(self, bindings: list[AclBinding]) -> None:
        for future in self._admin.create_acls(bindings).values():
            future.result(PATIENCE)

    def _acl(self, kind: str, name: str, operation: str, permission: Any) -> AclBinding:
        user = f"User:{self._user}"
        return AclBinding(_KINDS[kind], name, ResourcePatternType.PREFIXED, user, "*", AclOperation[operation], permission)
