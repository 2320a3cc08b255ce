"""How does a node's configuration look? The documented ``node.yaml`` that `init` writes."""

import json

_TEXT = """\
# A node of node-runtime. Paths are relative to this file. Every key can be overridden by the environment:
# NODE_RUNTIME_SLOTS=2, NODE_RUNTIME_POOL__MEMORY=8GiB, NODE_RUNTIME_POLICY__CREATORS='[5Grw…]'.

node: {node}                # tells this node's containers from those of others; a-z, 0-9 and '-'
chain: {chain}
key: {key}                  # keystore file, or on a development chain //Alice
{password_file}
storage: {storage}          # folder that creators and nodes share; it has to be there
work: {work}                # this node's own folder: running tasks, cache, outbox, audit file

slots: {slots}              # tasks that may run at the same time
cache: 20GiB                # fetched assets; the least used are dropped first
disk_floor: 5GiB            # with less free disk nothing is claimed
# pool:                     # what all tasks together may use
#   cpus: 2                 # default: all
#   memory: 4GiB            # default: three quarters
#   disk: 50GiB             # default: the whole disk of the work folder, but disk_floor

# Which tasks may run here. An empty list lets nobody in; 'any' lets everybody; '^…$' is a pattern.
policy:
  kinds: {kinds}            # annotation, training, restructuring, scoring, aggregation
  creators: {creators}      # accounts
  algos: {algos}            # digests of algos and metrics
  datasets: {datasets}      # digests of data samples
  minimum_reward: 0         # UNIT
  approve: auto             # manual: each task waits for 'node-runtime approve TASK'
  share_logs: false         # logs of tasks on this node's private data stay here

# Building a Dockerfile runs foreign code with network access as root inside the build.
building: {building}        # allow, deny
base_image: {base_image}
# docker: unix:///var/run/docker.sock       # default: that of `up` where it started one, else the first that answers

# What containers may do beside what a task asks for; no task can widen it.
# sandbox:
#   pids: 256
#   tmp: 256MiB             # /tmp, counts as memory
#   log: 1MiB               # kept of each container's output
#   files: 20000            # entries in an output folder
#   stop_grace: 3s          # between TERM and KILL
#   build_memory: 4GiB
#   build_timeout: 30m

poll: 1s
grace: 10s                  # how long running tasks may go on when the node is stopped
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
    """The text of a ``node.yaml``. The policy's lists are given as YAML, e.g. ``any``; by default nobody may run."""
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
