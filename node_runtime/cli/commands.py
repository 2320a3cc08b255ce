"""Which commands are there, for whom, and which function is each? Names only: no module is read here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """A line of what ``--help`` lists."""

    name: str
    place: str
    """A module of this package, and in it the command's function, or the `typer.Typer` of several."""
    summary: str
    """The first paragraph of the command's own help."""
    any_words: bool = False
    """What begins with '-' is an argument, to be refused in words, rather than an option that nobody knows."""


ANYONE = (
    Listed(
        "up",
        "network:up",
        "Bring up a local network: the embedded chain, a store and node daemons that run tasks in Docker.",
    ),
    Listed("down", "network:down", "Stop the local network; its chain, storage and results stay on disk."),
    Listed(
        "demo", "network:demo", "The main job once, from a checkout: submit, train, score, pay; leaves nothing running."
    ),
    Listed("devnet", "network:devnet", "Run the embedded chain alone, in this terminal."),
    Listed(
        "doctor",
        "network:doctor",
        "Check what this machine needs: Python, Docker, disk quotas, base image, the local network.",
    ),
    Listed("version", "version:version", "Print the version."),
    Listed("balance", "account:balance", "Show what an account has: free, and held for its tasks and bonds."),
    Listed("pay", "account:pay", "Send UNIT to an account, e.g. to fund the key of a new node.", any_words=True),
)
CREATORS = (
    Listed(
        "check",
        "creator:check",
        "Read a file and name every mistake with its line; neither chain nor storage is asked.",
    ),
    Listed("run", "creator:run", "Run a file's tasks here, in the containers a node would use, without a chain."),
    Listed(
        "submit",
        "creator:submit_file",
        "Submit a file: store what it names, register it, create its tasks. The rewards are held from then on.",
    ),
    Listed(
        "list", "creator_tasks:list_", "List tasks: yours, the open ones, those you took, or those you are to judge."
    ),
    Listed("show", "creator_tasks:show", "Show one task: terms, attempts, results, and why it waits."),
    Listed(
        "results",
        "creator_results:results",
        "List a task's results: scores, what vouches for them, seconds, memory, and how far annotators agree.",
    ),
    Listed(
        "logs",
        "creator_results:logs",
        "Print what the containers of a task printed, of results and of failed attempts.",
    ),
    Listed(
        "fetch",
        "creator_results:fetch",
        "Fetch a result's outputs, its result.json and its logs into a folder, verified.",
    ),
    Listed(
        "accept",
        "creator_results:accept",
        "Accept a result: its worker is paid, for good. E.g. 'accept 12', or 'accept 12/3' for submission 3 of it.",
    ),
    Listed(
        "reject",
        "creator_results:reject",
        "Reject a result: costs you and its worker a tenth of the reward; max_rejects of them close the slot.",
    ),
    Listed(
        "cancel",
        "creator_tasks:cancel",
        "Cancel a task: no new claims, what is at work finishes and is paid, the rest comes back.",
    ),
    Listed("resume", "creator_tasks:resume", "Open a task again that failed attempts have paused."),
    Listed(
        "validate",
        "validate:validate_results",
        "Judge a task's results, as its creator or its judge: download each, verified, look at it, accept or reject.",
    ),
    Listed(
        "federate",
        "federation:federate",
        "Average the models of results, each weighted by the examples it was trained on (FedAvg).",
    ),
    Listed("asset", "creator_assets:asset", "Assets: data samples, openers, algos, metrics, models."),
    Listed("objective", "creator_assets:objective", "Objectives: what models are measured by."),
)
CONTRIBUTORS = (
    Listed(
        "assign",
        "contributor:assign_task",
        "Take a task and fetch its bundle, data and models into a folder, verified. Nothing in it is run.",
    ),
    Listed(
        "work",
        "contributor:work_on",
        "Take a task, unless you hold it, and run its start_task.sh in a sandboxed container at this terminal.",
    ),
    Listed(
        "send-result",
        "contributor:send",
        "Check the outputs of a task that you hold, store them and send them. The same outputs again are no mistake.",
    ),
    Listed(
        "hand-back",
        "contributor:hand_back_task",
        "Give a task back: somebody else may have it, your bond returns. Free once per task.",
    ),
    Listed(
        "report-failure",
        "contributor:report",
        "Tell that a task can't be done, and why: ends your attempt, for a small fee unless the task is at fault.",
    ),
)
OPERATORS = (
    Listed(
        "init", "operator:init", "Make a node: a key of its own, and a node.yaml that allows nothing until you say so."
    ),
    Listed(
        "daemon",
        "operator:daemon",
        "Run this node: take tasks within its policy, run them in containers, send the results.",
    ),
    Listed(
        "approve",
        "operator:approve",
        "Let a task in where the policy says 'approve: manual'. It holds for the document that is on chain now.",
    ),
    Listed("audit", "operator:audit", "Check that nobody changed this node's audit file, and print its lines."),
    Listed(
        "gc",
        "operator:gc",
        "Remove what no live attempt needs: containers, workspaces, cached inputs, images. Stop the daemon first.",
    ),
    Listed("data", "operator:data", "This node's private data samples."),
)
COMMANDS = {"Anyone": ANYONE, "Creators": CREATORS, "Contributors": CONTRIBUTORS, "Operators": OPERATORS}
"""By the heading they stand under."""
