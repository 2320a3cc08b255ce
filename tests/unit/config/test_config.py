"""The configuration is read as documented, and every mistake is reported with its place."""

import re
from pathlib import Path

import pytest

from node_runtime.config import NodeConfig, PolicyConfig, PoolConfig, SandboxConfig, load_config
from node_runtime.config.example import example
from node_runtime.domain.task import UNIT, Kind
from node_runtime.errors import ConfigError

LEAST = "node: n\nchain: ws://127.0.0.1:9944\nkey: //Bob\nstorage: store\nwork: work\n"
ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def loaded(folder: Path, text: str, **environment: str) -> NodeConfig:
    (folder / "node.yaml").write_text(text)
    return load_config(folder / "node.yaml", environment)


def refused(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **environment)
    assert caught.value.exit_code == 2
    return [line.removeprefix(f"{folder}/") for line in caught.value.message.splitlines()]


def test_the_minimal_configuration_allows_nothing(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST)
    assert config.policy.kinds == config.policy.creators == config.policy.algos == config.policy.datasets == ()
    assert (config.building, config.metrics_port, config.slots) == ("deny", None, 1)
    assert config.metrics_address == "127.0.0.1"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST.replace("//Bob", "key.json") + "password_file: secret/password\n")
    assert (config.work, config.password_file) == (tmp_path / "work", tmp_path / "secret/password")
    assert (config.storage, config.key) == (str(tmp_path / "store"), str(tmp_path / "key.json"))


def test_addresses_and_development_keys_are_no_paths(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST.replace("storage: store", "storage: s3://bucket/prefix"))
    assert (config.storage, config.key) == ("s3://bucket/prefix", "//Bob")


def test_amounts_sizes_and_durations_have_units(tmp_path: Path) -> None:
    text = LEAST + "cache: 1.5GiB\npoll: 500ms\npool: {cpus: 2, memory: 512MiB}\n"
    text += "policy: {minimum_reward: 0.1, minimum_rate: 2, largest_bond: 5, longest: 2h}\n"
    config = loaded(tmp_path, text)
    assert (config.cache, config.poll, config.pool.cpus) == (3 << 29, 0.5, 2.0)
    assert (config.pool.memory, config.policy.minimum_reward) == (512 << 20, UNIT // 10)
    policy = config.policy
    assert (policy.minimum_rate, policy.largest_bond, policy.longest) == (2 * UNIT, 5 * UNIT, 7200)


def test_an_address_of_traces_without_a_path_gets_the_protocols(tmp_path: Path) -> None:
    for given, used in (("http://a:4318", "http://a:4318/v1/traces"), ("https://a/otlp/x", "https://a/otlp/x")):
        assert loaded(tmp_path, LEAST + f"traces: {given}\n").traces == used


def test_a_policy_lists_creators_algos_and_datasets(tmp_path: Path) -> None:
    digest = "ab" * 32
    lists = f"  kinds: [training, scoring]\n  creators: [{ALICE}, '^5F.*$']\n  algos: any\n  datasets: {digest}\n"
    policy = loaded(tmp_path, LEAST + "policy:\n" + lists).policy
    assert policy.kinds == (Kind.TRAINING, Kind.SCORING)
    assert (policy.creators, policy.algos, policy.datasets) == ((ALICE, "^5F.*$"), ("any",), (digest,))
    assert loaded(tmp_path, LEAST + "policy: {kinds: any}\n").policy.kinds == tuple(Kind)


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    config = loaded(
        tmp_path,
        LEAST + "slots: 2\npool: {memory: 1GiB}\n",
        NODE_RUNTIME_SLOTS="4",
        NODE_RUNTIME_POOL__CPUS="1.5",
        NODE_RUNTIME_POLICY__CREATORS=f"[{ALICE}]",
        NODE_RUNTIME_PASSWORD_FILE="password",
        NODE_RUNTIME_KEY="//Charlie",
        NODE_RUNTIME_HOME="/somewhere",
    )
    assert (config.slots, config.pool.cpus, config.pool.memory) == (4, 1.5, 1 << 30)
    assert (config.policy.creators, config.password_file, config.key) == ((ALICE,), Path("/password"), "//Charlie")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slot: 2\n", "node.yaml:6:1: unknown key 'slot'; did you mean 'slots'?"),
        ("pool:\n  memroy: 1GiB\n", "node.yaml:7:3: unknown key 'memroy' in pool; did you mean 'memory'?"),
        ("cache: 20\n", "node.yaml:6:8: cache: 20 is not a size with its unit, e.g. 4GiB"),
        ("cache: 20GX\n", "node.yaml:6:8: cache: unknown unit 'GX'; did you mean 'GiB'?"),
        ("poll: fast\n", "node.yaml:6:7: poll: 'fast' is not a duration; write a whole number with a unit, e.g. 15m, "
                         "2h or 1d"),
        ("building: yes\n", "node.yaml:6:11: building: must be 'allow' or 'deny', not 'yes'"),
        ("metrics_address: localhost\n", "node.yaml:6:18: metrics_address: 'localhost' is not an IP address, e.g. "
                                          "127.0.0.1, or 0.0.0.0 for all networks"),
        ("traces: 127.0.0.1:4318\n", "node.yaml:6:9: traces: '127.0.0.1:4318' is not an OTLP receiver's address, e.g. "
                                      "http://127.0.0.1:4318/v1/traces"),
        ("traces: https://me:secret@a.example\n", "node.yaml:6:9: traces: holds a password; set "
                                                  "OTEL_EXPORTER_OTLP_HEADERS in the daemon's environment instead"),
        ("slots: true\n", "node.yaml:6:8: slots: must be a whole number, not true"),
        ("slots: 0\n", "node.yaml:6:8: slots: at least 1, not 0"),
        ("pool: 3\n", "node.yaml:6:7: pool: must be keys with values, e.g. {key: value}, not 3"),
        ("work: 3\n", "node.yaml:6:1: key 'work' is there twice"),
        ("policy: {kinds: [cooking]}\n", "node.yaml:6:18: policy.kinds[0]: must be 'annotation', 'training', "
                                         "'restructuring', 'scoring', 'aggregation' or 'function', not 'cooking'"),
        ("policy: {creators: [Alice]}\n", "node.yaml:6:20: policy.creators: 'Alice' is neither a valid account "
                                          "address, nor a pattern ^…$, nor 'any'"),
        ("policy: {creators: 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ}\n",
         "node.yaml:6:20: policy.creators: '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ' is neither a valid "
         "account address, nor a pattern ^…$, nor 'any'"),
        ("policy: {algos: ['^(']}\n", "node.yaml:6:17: policy.algos: '^(' is neither a digest of 64 hexadecimal "
                                      "digits, nor a pattern ^…$, nor 'any'"),
        ("policy: {algos: ['^($']}\n", "node.yaml:6:17: policy.algos: '^($' is not a pattern: missing ), "
                                       "unterminated subpattern at position 1"),
        ("image_aliases: {'python 3': a:1}\n", "node.yaml:6:29: image_aliases.python 3: 'python 3' is no name of an "
         "image; write it as its FROM does, e.g. python:3.12-slim"),
        ("image_aliases:\n  python:3.12: b 1\n", "node.yaml:7:16: image_aliases.python:3.12: 'b 1' is neither an "
         "image, name:tag or id, nor a folder, which begins with ./ or /"),
        ("image_aliases:\n  a:1: b:1\n  b:1: a:1\n", "node.yaml:7:3: image_aliases: a:1 → b:1 → a:1 has no end; "
         "name a local image there"),
        ("image_aliases:\n  a:1: 3\n", "node.yaml:7:8: image_aliases.a:1: must be text: an image, name:tag or id, or "
         "a folder with a Dockerfile, e.g. ./images/tools"),
        ("---\nnode: b\n", None),
    ],
)  # fmt: skip
def test_mistakes_name_place_and_remedy(tmp_path: Path, text: str, message: str | None) -> None:
    assert refused(tmp_path, LEAST + text) == [message or "node.yaml: has 2 documents"]


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    assert refused(tmp_path, "node: Bob!\nslots: 0\n") == [
        "node.yaml:1:7: node: must match ^[a-z0-9][a-z0-9-]{0,31}$, not 'Bob!'",
        "node.yaml:1:1: key 'chain' is missing",
        "node.yaml:1:1: key 'key' is missing",
        "node.yaml:1:1: key 'storage' is missing",
        "node.yaml:1:1: key 'work' is missing",
        "node.yaml:2:8: slots: at least 1, not 0",
    ]


def test_a_mistake_in_the_environment_names_its_variable(tmp_path: Path) -> None:
    assert refused(tmp_path, LEAST, NODE_RUNTIME_POOL__MEMORY="much") == [
        "NODE_RUNTIME_POOL__MEMORY: 'much' is not a size; write a number with a unit, e.g. 256MiB or 1GiB"
    ]


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*--config") as missing:
        load_config(tmp_path / "node.yaml", {})
    for way in ("node-runtime init FOLDER", "node-runtime nodes"):
        assert f"'{way}'" in missing.value.remedy


def test_the_example_is_valid_and_allows_nothing(tmp_path: Path) -> None:
    named = {"node": "my-node", "key": str(tmp_path / "key.json")}
    config = loaded(tmp_path, example())
    plain = loaded(tmp_path, LEAST.replace("node: n\n", "node: my-node\n").replace("//Bob", "key.json"))
    assert (config.node, config.key) == (named["node"], named["key"])
    assert config == plain


KEY = re.compile(r"^(\s*)# (?=\s*(?:[a-z_]+|[A-Z_]+|[a-z./-]+:[\w.-]+): )", re.MULTILINE)


def test_the_examples_commented_keys_are_valid(tmp_path: Path) -> None:
    config = loaded(tmp_path, KEY.sub(r"\1", example()))
    assert (config.metrics_port, config.sandbox.pids, config.pool.disk) == (9615, 256, 50 << 30)
    assert dict(config.build_arguments).keys() == {"PIP_INDEX_URL", "HTTPS_PROXY"}


def test_the_example_explains_every_key_and_shows_its_default(tmp_path: Path) -> None:
    text = example()
    every = {key for section in (NodeConfig, PoolConfig, PolicyConfig, SandboxConfig) for key in section.model_fields}
    for key in every - {"pool", "policy", "sandbox"}:
        (line,) = re.findall(rf"^[ #]*{key}:.*$", text, re.MULTILINE)
        assert re.search(r"\S {1,}# \w", line), line
    shown, default = loaded(tmp_path, KEY.sub(r"\1", text)).sandbox, SandboxConfig()
    stated = {"tmp": 1 << 30, "build_cgroup": "builds.slice", "gpu_driver": "cdi"}
    assert shown == default.model_copy(update=stated)


def test_a_permissive_node_is_written_by_naming_it_so(tmp_path: Path) -> None:
    text = example(slots=2, kinds="any", creators="any", algos="any", datasets="any", building="allow")
    config = loaded(tmp_path, text)
    assert (config.slots, config.policy.kinds, config.policy.algos) == (2, tuple(Kind), ("any",))


def test_builds_get_only_the_configured_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://index.example/a-token/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert loaded(tmp_path, LEAST).build_arguments == {}
    named = {"PIP_INDEX_URL": "https://index.example/simple"}
    assert loaded(tmp_path, LEAST + f"build_arguments: {named}\n").build_arguments == named


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("PIP_INDEX_URL: https://user:password@index.example", "may hold a password"),
        ("'A B': c", "is not a valid name of a build argument"),
        ("A: 1", "build_arguments.A"),
    ],
)
def test_a_secret_or_invalid_build_argument_is_refused(tmp_path: Path, line: str, told: str) -> None:
    (mistake,) = refused(tmp_path, LEAST + "build_arguments:\n  " + line + "\n")
    assert told in mistake
