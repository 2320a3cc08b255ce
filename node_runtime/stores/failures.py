"""Why an object storage refuses or doesn't answer, in words and with a remedy."""

import ssl
from collections.abc import Iterator
from typing import NamedTuple

import urllib3

from node_runtime.domain.clock import CLOCK_REMEDY

FILE = "the storage access file"
REFUSALS = {
    "SignatureDoesNotMatch": f"check the secret key in {FILE}",
    "InvalidAccessKeyId": f"check the access key in {FILE}",
    "RequestTimeTooSkewed": f"{CLOCK_REMEDY}; it differs from the storage's by more than that allows",
    "ExpiredToken": "renew the credentials",
    "AccessDenied": "give the key its rights by 'node-runtime storage init'",
}
_REGION = f"check the region in {FILE}"
REMEDIES = {
    **REFUSALS,
    "NoSuchBucket": "check the address, or make the bucket by 'node-runtime storage init'",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
}
UNKNOWN_AUTHORITY = "has a certificate of an unknown authority"
NAME_AUTHORITY = f"name the certificate of the authority that signed it as `ca` in {FILE}"
CHECK_ADDRESS = f"check that it runs, and the address in {FILE}"
_UNKNOWN = range(18, 22)  # OpenSSL's codes for an issuer that is not among the trusted ones


class Failure(NamedTuple):
    """What a server does, e.g. ``doesn't answer: connection refused``, and what to do about it."""

    reason: str
    remedy: str


def connection_failure(error: urllib3.exceptions.HTTPError, remedy: str = CHECK_ADDRESS) -> Failure:
    """Tell why a request had no answer; ``remedy`` is for what isn't the certificate's fault."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _UNKNOWN:
                return Failure(UNKNOWN_AUTHORITY, NAME_AUTHORITY)
            return Failure(f"has a certificate that isn't valid: {cause.verify_message}"[:200], NAME_AUTHORITY)
    refused = any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes)  # is one by its class
    if not refused and any(isinstance(cause, urllib3.exceptions.TimeoutError | TimeoutError) for cause in causes):
        return Failure("didn't answer in time", remedy)
    said = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return Failure(f"doesn't answer{f': {said.lower()}' if said else ''}", remedy)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it comes from, from the outermost on."""
    while error is not None:
        yield error
        inside = (getattr(error, "reason", None), error.__cause__, *error.args)
        error = next((one for one in inside if isinstance(one, BaseException)), None)
