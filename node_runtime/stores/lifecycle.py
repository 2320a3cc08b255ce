"""The lifecycle rule of an S3 bucket by which old versions of a network's live area end.

The live area is rewritten every few seconds while a task prints, and with versioning each time leaves a version. Those
of trees stay, so that what was overwritten or removed can be had back.
"""

from hashlib import sha256

from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule

from .provision import S3Administration, told

_DAYS = 1  # the least that S3 knows


def expire_live_versions(administered: S3Administration) -> bool:
    """Add the rule to the bucket's others, or renew it; return False where the server has no lifecycle rules.

    Raises `StorageError`.
    """
    client, place = administered.client, administered.place
    prefix = f"{place.prefix}live/"
    rule = Rule(
        status=ENABLED,
        rule_filter=Filter(prefix=prefix),
        rule_id=f"node-runtime-live-{sha256(prefix.encode()).hexdigest()[:16]}",
        noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=_DAYS),
        expiration=Expiration(expired_object_delete_marker=True),
    )
    with told():
        try:
            found = client.get_bucket_lifecycle(place.bucket)
            others = [one for one in found.rules if one.rule_id != rule.rule_id] if found is not None else []
            client.set_bucket_lifecycle(place.bucket, LifecycleConfig([*others, rule]))
        except S3Error as error:
            if error.code == "NotImplemented":
                return False
            raise
    return True
