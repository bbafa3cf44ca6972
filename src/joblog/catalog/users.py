"""Who there is: domains, users and what they may do where, access keys."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Collection

from joblog.api.values.accounts import AccessKey, Member, Project, User
from joblog.catalog.database import Database, Transaction
from joblog.catalog.passwords import Passwords
from joblog.catalog.vault import Vault
from joblog.core.accounts import Domain, check_label, check_rights
from joblog.errors import Conflict, NotFound

# As long, and of the characters, that Huawei's are: clients check no more than that, if anything.
_ACCESS_CHARACTERS, _ACCESS_LENGTH = string.ascii_uppercase + string.digits, 20
_SECRET_CHARACTERS, _SECRET_LENGTH = string.ascii_letters + string.digits, 40


class Users:
    """The catalog's users. All methods block; names and passwords from outside must have been checked."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._db = database
        self._vault = vault
        self.passwords = Passwords()

    def domain(self, domain_id: str) -> Domain:
        """Returns a domain; raises NotFound."""
        rows = self._db.rows("domain", id=domain_id)
        if not rows:
            raise NotFound("domain", domain_id)
        return Domain(*rows[0])

    def create_user(
        self,
        domain: str,
        name: str,
        password: str,
        now_ms: int,
        *,
        project_id: str | None = None,
        rights: Collection[str] = (),
    ) -> User:
        """Makes a user, and the domain if it is new; with rights it is a member of the project at once.

        Raises Conflict when there is such a user, which stays as it is, NotFound for the project, Invalid for the rights.
        Nothing is made then.
        """
        granted = check_rights(list(rights)) if rights else ""
        password_hash, user_id = self.passwords.hashed(password), uuid.uuid4().hex
        with self._db.transaction() as tx:
            if project_id is not None and not tx.rows("project", id=project_id):
                raise NotFound("project", project_id)
            domain_id = put_domain(tx, domain, now_ms).id
            made = tx.rows(
                "account_put", id=user_id, domain_id=domain_id, name=name, password_hash=password_hash, now_ms=now_ms
            )
            if not made:
                raise Conflict(f"there is a user {name!r} in domain {domain!r}")
            if project_id is not None and granted:
                tx.rows("member_put", user_id=user_id, project_id=project_id, rights=granted, now_ms=now_ms)
            return User(*tx.rows("account", id=user_id)[0])

    def user(self, user_id: str) -> User:
        """Returns a user; raises NotFound."""
        rows = self._db.rows("account", id=user_id)
        if not rows:
            raise NotFound("user", user_id)
        return User(*rows[0])

    def user_by_name(self, domain: str, name: str) -> User | None:
        """Returns the user of that name in the domain of that name, if there is one."""
        rows = self._db.rows("account_by_name", domain=domain, name=name)
        return User(*rows[0]) if rows else None

    def user_by_domain_id(self, domain_id: str, name: str) -> User | None:
        """Returns the user of that name in a domain, if there is one."""
        rows = self._db.rows("account_by_name_and_domain_id", domain_id=domain_id, name=name)
        return User(*rows[0]) if rows else None

    def users(self, after: str, limit: int) -> list[User]:
        """Lists users by id."""
        return [User(*row) for row in self._db.rows("accounts", after=after, limit=limit)]

    def password_hash(self, user_id: str) -> str | None:
        """Returns the hash of a user's password, if there is such a user."""
        rows = self._db.rows("account_password", id=user_id)
        return str(rows[0][0]) if rows else None

    def set_password(self, user_id: str, password: str) -> None:
        """Changes a password, which ends all of the user's tokens; raises NotFound."""
        password_hash = self.passwords.hashed(password)
        with self._db.transaction() as tx:
            if not tx.rows("account_set_password", id=user_id, password_hash=password_hash):
                raise NotFound("user", user_id)
            tx.rows("tokens_drop_of_user", user_id=user_id)

    def delete_user(self, user_id: str) -> None:
        """Removes a user with its tokens, its access keys and its memberships; raises NotFound."""
        with self._db.transaction() as tx:
            if not tx.rows("account_drop", id=user_id):
                raise NotFound("user", user_id)
            for query in ("tokens_drop_of_user", "access_keys_drop_of_user", "members_drop_of_user"):
                tx.rows(query, user_id=user_id)

    def grant(self, user_id: str, project_id: str, rights: list[str], now_ms: int) -> None:
        """Gives a user these rights, and no others, in a project; raises Invalid, NotFound for the user."""
        granted = check_rights(rights)
        with self._db.transaction() as tx:
            if not tx.rows("account_hold", id=user_id):
                raise NotFound("user", user_id)
            tx.rows("member_put", user_id=user_id, project_id=project_id, rights=granted, now_ms=now_ms)

    def revoke(self, user_id: str, project_id: str) -> None:
        """Takes a user's rights in a project, and its tokens for it; raises NotFound when there are none."""
        with self._db.transaction() as tx:
            if not tx.rows("member_drop", user_id=user_id, project_id=project_id):
                raise NotFound("member", user_id)
            tx.rows("tokens_drop_of_member", user_id=user_id, project_id=project_id)

    def members(self, project_id: str, after: str, limit: int) -> list[Member]:
        """Lists a project's members by user id."""
        rows = self._db.rows("members", project_id=project_id, after=after, limit=limit)
        return [Member(row[0], row[1], row[2], row[3], tuple(row[4].split(",")), row[5]) for row in rows]

    def grants(self, user_id: str) -> dict[str, str]:
        """Returns a user's rights by project id."""
        return dict(self._db.rows("memberships", user_id=user_id))

    def projects(self, user_id: str) -> list[Project]:
        """Returns the projects that a user is a member of, by id."""
        return [Project(*row) for row in self._db.rows("projects_of_user", user_id=user_id)]

    def create_key(self, user_id: str, label: str, now_ms: int) -> AccessKey:
        """Makes an access key and returns it with its secret, which nobody can be told again; raises Invalid, NotFound."""
        access, secret = _random(_ACCESS_CHARACTERS, _ACCESS_LENGTH), _random(_SECRET_CHARACTERS, _SECRET_LENGTH)
        key = AccessKey(access, user_id, check_label(label), now_ms, secret)
        sealed = self._vault.seal(secret, access)
        with self._db.transaction() as tx:
            if not tx.rows("account_hold", id=user_id):
                raise NotFound("user", user_id)
            tx.rows("access_key_put", access=access, user_id=user_id, sealed_secret=sealed, label=key.label, now_ms=now_ms)
        return key

    def key(self, access: str) -> tuple[str, str] | None:
        """Returns whose access key it is, and its secret, if there is such a key; raises Damaged."""
        rows = self._db.rows("access_key", access=access)
        return (str(rows[0][0]), self._vault.open(bytes(rows[0][1]), access)) if rows else None

    def keys(self, user_id: str) -> list[AccessKey]:
        """Lists a user's access keys; raises NotFound for the user."""
        self.user(user_id)
        return [AccessKey(row[0], row[1], row[2], row[3], None) for row in self._db.rows("access_keys", user_id=user_id)]

    def delete_key(self, user_id: str, access: str) -> None:
        """Makes an access key of a user's worthless; raises NotFound."""
        with self._db.transaction() as tx:
            if not tx.rows("access_key_drop", user_id=user_id, access=access):
                raise NotFound("access key", access)


def put_domain(tx: Transaction, name: str, now_ms: int) -> Domain:
    """Gets or makes a domain, in a transaction."""
    tx.rows("domain_put", id=uuid.uuid4().hex, name=name, now_ms=now_ms)
    return Domain(*tx.rows("domain_by_name", name=name)[0])


def _random(characters: str, length: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(length))
