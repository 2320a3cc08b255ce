"""How an object storage is reached: address, keys and certificate, as an operator or creator gives them."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StorageAccess:
    """Access to an object storage. What is None comes from the environment or the machine's role.

    ``endpoint`` is the server's address, the cloud's own without one; ``outside`` the address for signed links. For S3
    the keys are an access key and its secret, for Azure the account's name and key. ``service_account`` is a key file
    of Google's cloud. ``ca`` is a PEM certificate that signs the server's.
    """

    endpoint: str | None = None
    outside: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    service_account: Path | None = None
    ca: str | None = None


FROM_ENVIRONMENT = StorageAccess()
"""Everything from the environment, e.g. ``AWS_ENDPOINT_URL`` and ``AWS_ACCESS_KEY_ID``, or the machine's role."""
