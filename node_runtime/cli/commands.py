"""The list of commands: their modules, their summaries in the help, and an example of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """An entry of the list that ``--help`` prints."""

    name: str
    place: str
    """``module:name`` in this package, or ``:name``: the command's function, or a `typer.Typer` with subcommands."""
    summary: str
    """The first paragraph of the command's help."""
    example: str
    """How it is typed, without the program's name."""
    any_words: bool = False
    """Pass words that begin with '-' as arguments, which the command refuses with a message of its own."""


ANYONE = (
    Listed(
        "up",
        "network:up",
        "Bring up a local network: the embedded chain, a store and node daemons that run tasks in Docker.",
        example="up --detach --nodes 2",
    ),
    Listed(
        "down",
        "network:down",
        "Stop the local network; its chain, storage and results stay on disk.",
        example="down",
    ),
    Listed(
        "nodes",
        "node_status:nodes",
        "Show the nodes of the local network: what each works on, and why it refuses tasks.",
        example="nodes",
    ),
    Listed(
        "devnet",
        "network:devnet",
        "Run the embedded chain alone, in this terminal.",
        example="devnet --base-path chain --port 9955",
    ),
    Listed(
        "doctor",
        "network:doctor",
        "Check what this machine needs: Python, Docker, disk quotas, base image, uids, the local network, the clock.",
        example="doctor --config node.yaml",
    ),
    Listed(
        "new",
        "check:new",
        "Write a task that runs as it is into a new folder: its YAML, programs and data, to begin with.",
        example="new training my-task",
    ),
    Listed(
        "schema",
        "check:schema",
        "Print the JSON schema of a task's YAML, for editors; 'new' writes it beside the task.",
        example="schema > task.schema.json",
    ),
    Listed(
        "version",
        ":version",
        "Print the version.",
        example="version",
    ),
    Listed(
        "balance",
        "account:balance",
        "Show what an account has: free, and held for its tasks and bonds.",
        example="balance //Alice",
    ),
    Listed(
        "pay",
        "account:pay",
        "Send UNIT to an account, e.g. to fund the key of a new node.",
        example="pay 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 10",
        any_words=True,
    ),
)
CREATORS = (
    Listed(
        "check",
        "check:check",
        "Check a file and report every mistake with its line, without chain or storage.",
        example="check my-task/task.yaml",
    ),
    Listed(
        "run",
        "submission:run",
        "Run a file's tasks here, in the containers a node would use, without a chain.",
        example="run my-task/task.yaml --output runs",
    ),
    Listed(
        "submit",
        "submission:submit_file",
        "Submit a file: store its assets, register them, create its tasks. The rewards are held from then on.",
        example="submit my-task/task.yaml --wait",
    ),
    Listed(
        "list",
        "tasks:list_",
        "List tasks: yours, the open ones, those you took, or those you are to judge.",
        example="list --status open --since 2d",
    ),
    Listed(
        "show",
        "tasks:show",
        "Show one task: terms, attempts, results, why it waits, and how its models were made.",
        example="show 12 --watch",
    ),
    Listed(
        "wait",
        "tasks:wait",
        "Wait until tasks are final. Exit code 0 if all are done, 1 if not, 124 if some go on after the timeout.",
        example="wait 12 13 --timeout 30m",
    ),
    Listed(
        "results",
        "results:results",
        "List a task's results: scores, what vouches for them, seconds, memory, and how far annotators agree.",
        example="results 12",
    ),
    Listed(
        "compare",
        "comparison:compare",
        "Compare results: the numbers of each perf.json, side by side.",
        example="compare 12 13 14/7",
    ),
    Listed(
        "report",
        "reports.report:report",
        "Reports: one file of HTML, to be looked at without a network.",
        example="report objective digits digits.html",
    ),
    Listed(
        "logs",
        "results:logs",
        "Print the logs of a task's containers, of results and of failed attempts; with -f as they come.",
        example="logs 12 --follow",
    ),
    Listed(
        "fetch",
        "results:fetch",
        "Fetch a result's outputs, its result.json and its logs into a folder, verified.",
        example="fetch 12/3 outputs",
    ),
    Listed(
        "accept",
        "results:accept",
        "Accept a result: its worker is paid, irrevocably. E.g. 'accept 12', or 'accept 12/3' for submission 3 of it.",
        example="accept 12/3",
    ),
    Listed(
        "reject",
        "results:reject",
        "Reject a result: costs you and its worker a tenth of the reward; max_rejects of them close the slot.",
        example="reject 12/3 --reason 'it learnt nothing'",
    ),
    Listed(
        "cancel",
        "tasks:cancel",
        "Cancel a task: no new claims, live attempts finish and are paid, the rest of the escrow returns.",
        example="cancel 12 --abort",
    ),
    Listed(
        "resume",
        "tasks:resume",
        "Reopen a task that failed attempts have paused.",
        example="resume 12",
    ),
    Listed(
        "confirm",
        "tasks:confirm",
        "Confirm failure reports as justified: the fees held for them return to their workers.",
        example="confirm 12",
    ),
    Listed(
        "purge",
        "purge:purge",
        "Remove final tasks' records from the chain for good; what is held for their specs comes back.",
        example="purge 12 13",
    ),
    Listed(
        "validate",
        "validate:validate_results",
        "Judge a task's results, as its creator or its judge: download each, verified, look at it, accept or reject.",
        example="validate 12 --script judge/ --wait",
    ),
    Listed(
        "federate",
        "results:federate",
        "Average the models of results, each weighted by the examples it was trained on (FedAvg).",
        example="federate 12 13 --out model",
    ),
    Listed(
        "plan",
        "plans:plan",
        "Compute plans: the tasks of a file with several.",
        example="plan show 3 --watch",
    ),
    Listed(
        "asset",
        "assets:asset",
        "Assets: data samples, openers, algos, metrics, models.",
        example="asset list",
    ),
    Listed(
        "objective",
        "objectives:objective",
        "Objectives: what models are measured by.",
        example="objective list",
    ),
)
CONTRIBUTORS = (
    Listed(
        "assign",
        "contributor:assign_task",
        "Take a task and fetch its bundle, data and models, verified, into a folder. Nothing is executed.",
        example="assign 12",
    ),
    Listed(
        "work",
        "contributor:work_on",
        "Take a task, unless you hold it, and run its start_task.sh in a sandboxed container at this terminal.",
        example="work 12",
    ),
    Listed(
        "send-result",
        "contributor:send",
        "Check the outputs of your task, store and submit them. Sending the same outputs again does nothing.",
        example="send-result 12",
    ),
    Listed(
        "decline",
        "contributor:decline_task",
        "Decline a task that is offered to you only: it closes, its escrow returns to the creator. Costs nothing.",
        example="decline 12",
    ),
    Listed(
        "hand-back",
        "contributor:hand_back_task",
        "Hand a task back, which frees its slot. Costs a part of your bond, by the time you held it.",
        example="hand-back 12",
    ),
    Listed(
        "report-failure",
        "contributor:report",
        "Report that a task can't be done, and why; ends your attempt. A part of your bond stays held as its fee.",
        example="report-failure 12 input_mismatch -r 'no images'",
    ),
)
OPERATORS = (
    Listed(
        "init",
        "operator:init",
        "Create a node: its key, and a node.yaml whose policy allows no task yet. Then check what it needs.",
        example="init my-node --password-file password",
    ),
    Listed(
        "daemon",
        "operator:daemon",
        "Run this node: take tasks within its policy, run them in containers, send the results.",
        example="daemon --config my-node/node.yaml",
    ),
    Listed(
        "service",
        "service:service",
        "Print a systemd unit for this node: hardened, with its paths and its user.",
        example="service --config /srv/my-node/node.yaml",
    ),
    Listed(
        "monitoring",
        "service:monitoring",
        "Write a configuration, rules and alerts for Prometheus and a dashboard for Grafana into a new folder.",
        example="monitoring prometheus",
    ),
    Listed(
        "status",
        "node_status:status",
        "Show what a node does: capacity, policy, attempts, outbox, and why it refuses each task. Needs no daemon.",
        example="status --config my-node/node.yaml",
    ),
    Listed(
        "approve",
        "approvals:approve",
        "Approve a task under the policy 'approve: manual', or without TASK list those that wait for it.",
        example="approve 12 --config my-node/node.yaml",
    ),
    Listed(
        "audit",
        "operator:audit",
        "Verify that the audit file was changed only with the node's key, and print its events.",
        example="audit --config my-node/node.yaml",
    ),
    Listed(
        "gc",
        "operator:gc",
        "Remove what no live attempt needs: containers, workspaces, cached inputs, images. Stop the daemon first.",
        example="gc --config my-node/node.yaml",
    ),
    Listed(
        "data",
        "data:data",
        "This node's private samples and models.",
        example="data add samples/ward-3 --label train --for 5Grw…utQY",
    ),
    Listed(
        "storage",
        "storage:storage",
        "Object storage: make bucket and keys, check access, copy a folder's trees into it.",
        example="storage check",
    ),
)
COMMANDS = {"Anyone": ANYONE, "Creators": CREATORS, "Contributors": CONTRIBUTORS, "Operators": OPERATORS}
"""Commands by their heading in the help."""
