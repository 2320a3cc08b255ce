"""The commented ``node.yaml`` that `init` writes."""

import json

_TEXT = """\
# A node of node-runtime. Paths are relative to this file. Every key can be overridden by the environment:
# NODE_RUNTIME_SLOTS=2, NODE_RUNTIME_POOL__MEMORY=8GiB, NODE_RUNTIME_POLICY__CREATORS='[5Grw…]'.

node: {node}                # identifies this node's containers; a-z, 0-9 and '-'
chain: {chain}
key: {key}                  # keystore file, or on a development chain //Alice
{password_file}
storage: {storage}          # folder that creators and nodes share; it has to exist
work: {work}                # this node's own folder: running tasks, cache, outbox, audit file

slots: {slots}              # tasks that may run at the same time
cache: 20GiB                # fetched assets; the least used are dropped first
disk_floor: 5GiB            # with less free disk nothing is claimed
# pool:                     # what all tasks together may use
#   cpus: 2                 # default: all
#   memory: 4GiB            # default: three quarters
#   disk: 50GiB             # default: the whole disk of the work folder, but disk_floor

# Which tasks may run here. An empty list allows nothing; 'any' allows everything; '^…$' is a pattern.
policy:
  kinds: {kinds}            # annotation, training, restructuring, scoring, aggregation
  creators: {creators}      # accounts
  algos: {algos}            # digests of algos and metrics
  datasets: {datasets}      # digests of data samples
  minimum_reward: 0         # UNIT
  minimum_rate: 0           # UNIT per hour of an attempt's allowed time
  largest_bond: 100         # UNIT: largest bond for a slot
  # longest: 2h             # largest allowed time of an attempt; default: no limit
  approve: auto             # manual: each task waits for 'node-runtime approve TASK'
  share_logs: false         # logs of tasks on this node's private data stay here; see docs/privacy.md

# Building a Dockerfile runs foreign code with network access as root inside the build.
building: {building}        # allow, deny
base_image: {base_image}
# build_arguments:          # visible to every RUN step, untrusted ones too: never put a secret here, not even in a path
#   PIP_INDEX_URL: https://pypi.example/simple
#   HTTPS_PROXY: http://proxy.example:3128
# docker: unix:///var/run/docker.sock       # default: that of `up` where it started one, else the first that answers

# Limits of containers in addition to a task's own; no task can raise them.
# sandbox:
#   pids: 256
#   tmp: 1GiB               # largest limits.scratch; default: the task's memory
#   uid_base: 200000        # where the daemon is root, containers of slot N run as this uid + N
#   log: 1MiB               # kept of each container's output
#   files: 20000            # entries in an output folder
#   stop_grace: 3s          # between TERM and KILL
#   build_memory: 4GiB
#   build_timeout: 30m
#   build_pids: 1024        # processes of one build, where the node can limit them (see 'doctor')
#   build_cgroup: builds.slice    # otherwise: parent cgroup of builds, created and limited by you (systemd: TasksMax)

poll: 1s
grace: 10s                  # how long running tasks may continue when the node is stopped
# metrics_port: 9615        # Prometheus, on loopback
log_format: auto            # auto: text on a terminal, else json
"""


def example(
    *,
    node: str = "my-node",
    chain: str = "ws://127.0.0.1:9944",
    key: str = "key.json",
    password_file: str | None = None,
    storage: str = "store",
    work: str = "work",
    slots: int = 1,
    kinds: str = "[]",
    creators: str = "[]",
    algos: str = "[]",
    datasets: str = "[]",
    building: str = "deny",
    base_image: str = "python:3.11-slim-bookworm",
) -> str:
    """Return the text of a ``node.yaml``. The policy's lists are given as YAML; by default they allow nothing."""
    password = f"password_file: {json.dumps(password_file)}" if password_file else "# password_file: password"
    return _TEXT.format(
        node=node,
        chain=chain,
        key=json.dumps(key),
        password_file=password,
        storage=json.dumps(storage),
        work=json.dumps(work),
        slots=slots,
        kinds=kinds,
        creators=creators,
        algos=algos,
        datasets=datasets,
        building=building,
        base_image=base_image,
    )
