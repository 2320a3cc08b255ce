"""The lifecycle rule of an S3 bucket by which old versions of a network's live area end.

The live area is rewritten every few seconds while a task prints, and with versioning each time leaves a version. Those
of trees stay, so that what was overwritten or removed can be had back.

A bucket's rules are written all together, and the client library loses parts of what it reads. So other rules are
never written again: a bucket that has any keeps them, and its administrator adds the rule.
"""

from hashlib import sha256
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule

from node_runtime.errors import StorageError

from .provision import S3Administration, told

_DAYS = 1  # the least that S3 knows
_STAY = "old versions of the live area stay until you remove them"


def expire_live_versions(administered: S3Administration) -> str | None:
    """Set the rule where the bucket has no rules but those of this module; return why it isn't there, or None.

    Any failure is told in what is returned, with what to do.
    """
    prefix = f"{administered.place.prefix}live/"
    add = (
        f"add a rule by which noncurrent versions below {prefix} expire after {_DAYS} day, and expired delete markers; "
        f"without it {_STAY}"
    )
    try:
        with told():
            reason = _set(administered.client, administered.place.bucket, prefix)
    except StorageError as error:
        if isinstance(error.__cause__, S3Error) and error.__cause__.code == "NotImplemented":
            return f"this server has no lifecycle rules: {_STAY}"
        reason = f"the bucket's lifecycle rules can't be read or set: {error.message} ({error.remedy})"
    return reason and f"{reason}; {add}"


def _set(client: Minio, bucket: str, prefix: str) -> str | None:
    """Return why the rule isn't there, or None."""
    try:
        found = client.get_bucket_lifecycle(bucket)
    except (ValueError, ParseError):  # e.g. an empty filter, which S3 allows
        return "the bucket has lifecycle rules of a kind that isn't known here, and they stay as they are"
    rules = found.rules if found is not None else []
    ended = {area: one for one in rules if (area := _ended(one)) is not None}
    if prefix in ended:
        return None
    if len(ended) < len(rules) or any(one.rule_id != _rule(area).rule_id for area, one in ended.items()):
        return "the bucket has other lifecycle rules, and they stay as they are"
    client.set_bucket_lifecycle(bucket, LifecycleConfig([_rule(area) for area in (*ended, prefix)]))
    return None


def _ended(rule: Rule) -> str | None:
    """Return the prefix below which the rule ends noncurrent versions; None for a rule of another kind."""
    ends = rule.status == ENABLED and rule.noncurrent_version_expiration is not None
    return rule.rule_filter.prefix if ends and rule.rule_filter is not None else None


def _rule(prefix: str) -> Rule:
    return Rule(
        status=ENABLED,
        rule_filter=Filter(prefix=prefix),
        rule_id=f"node-runtime-live-{sha256(prefix.encode()).hexdigest()[:16]}",
        noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=_DAYS),
        expiration=Expiration(expired_object_delete_marker=True),
    )
