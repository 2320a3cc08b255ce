"""The commented ``node.yaml`` that `init` writes."""

import json
import re

from . import UID_BASE

_COLUMN = 28  # where comments begin, if the value before is shorter
_COMMENTED = re.compile(r"^([^\S\n]*(?:# +)?[A-Za-z_]+:.*?  )[^\S\n]*(?=#)(.*)$", re.MULTILINE)
_TEXT = """\
# A node of node-runtime. A key that is left out, or begins with '#', has its default: what stands here, unless its
# comment names another.
# Sizes are written as 256MiB or 4GiB, durations as 5s, 15m or 2h, amounts as a number of UNIT, e.g. 0.5.
# Paths are relative to this file. A change counts from the next start of the daemon.
# The environment overrides it: NODE_RUNTIME_SLOTS=2, NODE_RUNTIME_POOL__MEMORY=8GiB,
# NODE_RUNTIME_POLICY__CREATORS='[5Grw…]'.

node: {node}                # this node's name, in the names of its containers: a-z, 0-9 and '-', 32 at most
chain: {chain}              # address of a node of the chain: ws:// or wss://
key: {key}                  # the account's keystore file, or on a development chain a key such as //Bob
{password_file}             # file with the key's password, mode 0600; without it the daemon asks
storage: {storage}          # folder that creators and nodes share, which has to exist, or s3://, gs://, az://
{storage_access}  # file with address and keys of such a storage, mode 0600; see docs/storage.md
work: {work}                # this node's own folder: running tasks, cache, outbox, audit file, private data

# How much runs here.
slots: {slots}              # tasks that may run at the same time, 1 to 64
# pool:                     # what all of them together may use
#   cpus: 2                 # processors; default: all of this machine
#   memory: 4GiB            # default: three quarters of this machine's
#   disk: 50GiB             # for their outputs; default: the work folder's whole disk
#   gpus: all               # NVIDIA GPUs: all, or a list of UUIDs by 'nvidia-smi -L'; default: none
cache: 20GiB                # for fetched assets; those used longest ago are dropped first
disk_floor: 5GiB            # stays free on the work folder's disk; with less free nothing is claimed

# Which tasks may run here. An empty list [] allows nothing, any allows everything, '^…$' is a pattern.
policy:
  kinds: {kinds}            # annotation, training, restructuring, scoring, aggregation, function
  creators: {creators}      # accounts whose tasks are taken
  algos: {algos}            # digests of the code that may run: algos, metrics, bundles, openers, ready images
  datasets: {datasets}      # digests of the data samples that it may read
  minimum_reward: 0         # UNIT for a result; tasks that pay less are refused
  minimum_rate: 0           # UNIT an hour, of the time that an attempt may take
  largest_bond: 100         # UNIT that this node puts down for a slot, and loses if it sends nothing in time
  # longest: 2h             # the longest time that an attempt may take; default: no limit
  approve: auto             # manual: each task waits for 'node-runtime approve TASK'
  share_logs: false         # true: creators get the logs of tasks on private data too; see docs/privacy.md
  private_alone: true       # false: tasks on private data run beside others, which see their load; see docs/privacy.md

# Images. Building a Dockerfile runs foreign code with network, as root inside the build.
building: {building}        # deny: only images that are here, or that a registry offers by digest; or allow
base_image: {base_image}    # used where a Dockerfile starts from python:3.11, and as its argument BASE_IMAGE
# image_aliases:            # what stands here for images that can't be pulled, written as their FROM writes them
#   substrafoundation/substra-tools:0.6.1: ./images/substra-tools  # a folder with a Dockerfile, built once
#   python:3.12-slim: my-python:1  # an image of the engine, name:tag or id
# build_arguments:          # every RUN step can read them, untrusted ones too: no secret here, not even in a path
#   PIP_INDEX_URL: https://pypi.example/simple
#   HTTPS_PROXY: http://proxy.example:3128
# docker: unix:///var/run/docker.sock  # address of the engine; default: that of 'up', else the first that answers

# Limits of containers, in addition to a task's own; no task can raise them.
sandbox:
  uid_base: {uid_base}      # where the daemon is root, containers of slot N run as this uid + N: 64 uids that no
                            # other node, user or range of /etc/subuid has; 'node-runtime doctor' compares
  # pids: 256               # processes in a container
  # tmp: 1GiB               # largest scratch of a task; default: the task's memory
  # log: 1MiB               # kept of what a container prints; of more its begin and its end
  # files: 20000            # files and folders in an output
  # stop_grace: 3s          # between TERM and KILL, when a container is stopped
  # gpu_driver: cdi         # how the engine gives GPUs: nvidia or cdi; default: the first that it has
  # build_memory: 4GiB      # memory of one build
  # build_timeout: 30m      # time of one build
  # build_pids: 1024        # processes of one build, where the node can limit them (see 'node-runtime doctor')
  # build_cgroup: builds.slice  # else: parent cgroup of builds, made and limited by you (systemd: TasksMax)

# The daemon.
poll: 1s                    # between two looks at the chain
grace: 10s                  # how long running tasks may go on when the daemon is stopped; then they are handed back
# metrics_port: 9615        # metrics for Prometheus, /healthz and /readyz: docs/monitoring.md; default: none
# metrics_address: 127.0.0.1  # where they answer, without a password; 0.0.0.0: on all networks of this machine
# traces: http://127.0.0.1:4318/v1/traces  # OpenTelemetry traces of tasks' steps, by OTLP over HTTP; default: none
log_format: auto            # text, json, or auto: text at a terminal, else json
"""


def example(
    *,
    node: str = "my-node",
    chain: str = "ws://127.0.0.1:9944",
    key: str = "key.json",
    password_file: str | None = None,
    storage: str = "store",
    storage_access: str | None = None,
    work: str = "work",
    slots: int = 1,
    kinds: str = "[]",
    creators: str = "[]",
    algos: str = "[]",
    datasets: str = "[]",
    building: str = "deny",
    base_image: str = "python:3.11-slim-bookworm",
    uid_base: int = UID_BASE,
) -> str:
    """Return the text of a ``node.yaml``. The policy's lists are given as YAML; by default they allow nothing."""
    password = f"password_file: {json.dumps(password_file)}" if password_file else "# password_file: password"
    access = f"storage_access: {json.dumps(storage_access)}" if storage_access else "# storage_access: access.yaml"
    filled = _TEXT.format(
        node=node,
        chain=chain,
        key=json.dumps(key),
        password_file=password,
        storage=json.dumps(storage),
        storage_access=access,
        work=json.dumps(work),
        slots=slots,
        kinds=kinds,
        creators=creators,
        algos=algos,
        datasets=datasets,
        building=building,
        base_image=base_image,
        uid_base=uid_base,
    )
    return _COMMENTED.sub(lambda found: f"{found[1]:<{_COLUMN}}{found[2]}", filled)
