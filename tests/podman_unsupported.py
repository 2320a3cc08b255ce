"""Lines of the engine's contract that Podman 4.3 does not hold, by test; docs/containers.md says what they mean."""

_KEPT = "a pause container stays, ended, while ended containers that joined it exist"
_LOG = "the engine's log starts anew at its size and does not tell that"
_EVENTS = "builds have no events of their tags, which the test counts"
_PLACE = "the message of a failed start does not name the place of a mount"
_NETWORK = "a build whose network is that of a missing container succeeds, with another network"
_NO_TLS = "a registry without TLS on the loopback is not asked"
_STOP = "`podman stop` leaves no event of its own, so it looks like the program's own end"
_GPUS = "requests for GPUs are not kept"
_TRIGGERS = "an image's ONBUILD instructions are not told, so a Dockerfile may start from images of the node only"
_STEPS = "the containers of a build's steps are not listed"
_LINK = "an /etc/passwd that is a link is followed inside the image"

_LOGIN = "test_only_a_name_of_the_operators_own_is_pulled_with_the_operators_login"
_HANDS = "test_a_container_that_somebody_ends_by_hand_is_the_nodes_trouble"
_BY_FILE = {
    "engine": {
        "test_closing_leaves_no_holder": _KEPT,
        "test_a_slot_whose_namespace_holder_is_lost_gets_a_new_one[was removed]": _KEPT,
    },
    "engine_adoption": {"test_a_log_lost_at_a_restart_says_so": _LOG},
    "engine_blame": {
        "test_a_build_that_fails_costs_one_control_and_what_succeeds_none": _EVENTS,
        "test_a_failing_start_leaves_no_container_and_costs_one_control": _PLACE,
        "test_where_the_nodes_own_builds_fail_too_it_is_the_nodes_trouble_and_nothing_is_taken": _NETWORK,
    },
    "engine_build_limits": {
        f"{_LOGIN}[False]": _NO_TLS,
        f"{_LOGIN}[True]": _NO_TLS,
        "test_a_folder_is_built_anew_when_what_its_from_names_is_another_image": _TRIGGERS,
        "test_a_parent_cgroup_that_the_operator_names_is_that_of_the_steps": _STEPS,
    },
    "engine_gpus": {
        "test_an_engine_that_gives_no_gpu_says_so_and_blames_no_task[docker]": _GPUS,
        "test_the_engine_takes_the_request_as_it_is_sent[nvidia-GPU-bbbb]": _GPUS,
        "test_the_engine_takes_the_request_as_it_is_sent[cdi-nvidia.com/gpu=GPU-bbbb]": _GPUS,
    },
    "engine_hands": {f"{_HANDS}[stop]": _STOP, f"{_HANDS}[stop, ends well]": _STOP},
    "engine_moments": {"test_what_ended_a_container_is_known_at_the_first_event_that_decides": _STOP},
    "engine_traces": {"test_a_namespace_with_traces_is_replaced_before_anybody_asks_for_it": _KEPT},
    "engine_image_config": {
        "test_the_uid_is_the_slots_unless_the_images_user_is_the_group[line8-10001]": _LINK,
    },
}
UNSUPPORTED = {
    f"tests/contract/test_{file}.py::{test}": reason
    for file, tests in _BY_FILE.items()
    for test, reason in tests.items()
}
"""The reasons, by the id of the test."""

WAITING = frozenset(
    {
        "tests/contract/test_engine_build_limits.py::test_a_parent_cgroup_that_the_operator_names_is_that_of_the_steps",
        "tests/contract/test_engine_traces.py::test_a_namespace_with_traces_is_replaced_before_anybody_asks_for_it",
    }
)
"""Those that fail by waiting minutes for what does not happen: they are not run."""
