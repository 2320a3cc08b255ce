"""Rules on data: what may be trained on, what a score means, and where private data may go."""

import pytest

from tests.chain_rules import calls
from tests.chain_rules.calls import TEST_SAMPLE, TRAIN_SAMPLE, Spec, asset_input, model_input
from tests.chain_rules.codec import name_of
from tests.chain_rules.scene import Laboratory, claim, create, deliver, digest_of, found_laboratory, status, terms
from tests.chain_rules.world import Refused, World


@pytest.fixture
def laboratory(world: World) -> Laboratory:
    return found_laboratory(world, world.accounts[0])


def train(world: World, laboratory: Laboratory, *more: object, bytes_of: str = "model") -> int:
    """A model trained for the laboratory's objective by the second account, accepted at once."""
    creator, trainer, *_ = world.accounts
    offered = terms(world, judge=creator, kind="Training", window=0)
    return deliver(
        world, trainer, create(world, creator, offered, laboratory.training(*more)), model=digest_of(bytes_of)
    )


def offer(world: World, kind: str, spec: Spec) -> int:
    creator = world.accounts[0]
    return create(world, creator, terms(world, judge=creator, kind=kind, window=0), spec)


def clean_for(world: World, model: int) -> tuple[int, ...]:
    return tuple(world.state.registry("Models")[model, 0].clean_for)


def test_a_label_never_changes(world: World) -> None:
    owner, other, *_ = world.accounts
    digest = digest_of("sample")
    world.do(owner, calls.register_asset(digest, TEST_SAMPLE))

    for kind in (TRAIN_SAMPLE, "Opener", "Model"):
        with pytest.raises(Refused, match="AlreadyLabelled"):
            world.do(owner, calls.register_asset(digest, kind))
    with pytest.raises(Refused, match="VisibilityFixed"):
        world.do(owner, calls.register_asset(digest, TEST_SAMPLE, "Private"))
    world.do(owner, calls.register_asset(digest, TEST_SAMPLE))
    world.do(other, calls.register_asset(digest, TRAIN_SAMPLE))

    assert world.state.registry("Assets")[owner, digest].kind == TEST_SAMPLE


def test_registering_pays_once_for_the_bytes_that_stay(world: World) -> None:
    owner, call = world.accounts[0], calls.register_asset(digest_of("sample"), TEST_SAMPLE)
    uri = call.arguments[-1]
    # owner and digest; kind and label, visibility, the uri with its length, the time
    stays = 32 + 32 + 2 + 1 + 1 + len(uri) + 8
    sealed = [world.do(owner, call) for _ in range(2)]
    paid = [event.fields.amount for each in sealed for event in each.events if event.name == "BytesPaid"]
    assert paid == [stays * world.schema.constant("Registry", "ByteFee")]


def test_an_owners_names_of_objectives_are_unique(world: World, laboratory: Laboratory) -> None:
    one, other = (
        calls.create_objective(
            metric=laboratory.metric, opener=laboratory.opener, samples=laboratory.tests[:count], name=b"digits"
        )
        for count in (1, 2)
    )
    world.do(laboratory.owner, one)
    with pytest.raises(Refused, match="NameTaken"):
        world.do(laboratory.owner, other)


def test_another_uri_is_refused_and_moving_the_asset_changes_it(world: World) -> None:
    owner, digest = world.accounts[0], digest_of("sample")
    registered = calls.register_asset(digest, TEST_SAMPLE)
    world.do(owner, registered)
    world.do(owner, calls.move_asset(digest, b"store:elsewhere"))
    with pytest.raises(Refused, match="OtherUri"):
        world.do(owner, registered)
    assert world.state.registry("Assets")[owner, digest].uri == b"store:elsewhere"


@pytest.mark.parametrize("kind", ["Training", "Restructuring"])
def test_an_objectives_test_sample_is_refused_in_training_whoever_registered_it(
    world: World, laboratory: Laboratory, kind: str
) -> None:
    accomplice = world.accounts[3]
    leaked = laboratory.tests[0]
    world.do(accomplice, calls.register_asset(leaked, TRAIN_SAMPLE))

    for owner in (laboratory.owner, accomplice):
        with pytest.raises(Refused, match="TestSampleInTraining"):
            offer(world, kind, laboratory.training(asset_input(owner, leaked)))


@pytest.mark.parametrize("kind", ["Algo", "Bundle", "Model", "Opener"])
def test_a_test_sample_that_is_registered_as_something_else_is_refused_too(
    world: World, laboratory: Laboratory, kind: str
) -> None:
    accomplice = world.accounts[3]
    world.do(accomplice, calls.register_asset(laboratory.tests[0], kind))

    with pytest.raises(Refused, match="TestSampleInTraining"):
        offer(world, "Training", laboratory.training(asset_input(accomplice, laboratory.tests[0])))


def test_a_sample_labelled_test_is_refused_even_when_no_objective_uses_it(world: World, laboratory: Laboratory) -> None:
    digest = digest_of("kept for later")
    world.do(laboratory.owner, calls.register_asset(digest, TEST_SAMPLE))

    with pytest.raises(Refused, match="TestSampleInTraining"):
        offer(world, "Training", laboratory.training(asset_input(laboratory.owner, digest)))


def test_a_model_is_clean_only_for_what_all_its_ancestors_were_named_for(world: World, laboratory: Laboratory) -> None:
    owner, *_ = world.accounts
    elsewhere = found_laboratory(world, world.accounts[4], "letters")
    named = train(world, laboratory)
    unnamed = deliver(
        world, world.accounts[1], offer(world, "Training", Spec(inputs=elsewhere.training().inputs)), model=b"u" * 32
    )
    imported = digest_of("imported")
    world.do(owner, calls.register_asset(imported, "Model"))

    assert clean_for(world, named) == (laboratory.objective,)
    assert clean_for(world, unnamed) == ()
    assert clean_for(world, train(world, laboratory, model_input(named))) == (laboratory.objective,)
    assert clean_for(world, train(world, laboratory, model_input(unnamed))) == ()
    assert clean_for(world, train(world, laboratory, asset_input(owner, imported))) == ()


def test_a_child_is_clean_only_for_what_its_parent_is_clean_for(world: World, laboratory: Laboratory) -> None:
    worker = world.accounts[1]
    parents = (
        offer(world, "Training", Spec(inputs=laboratory.training().inputs)),
        offer(world, "Training", laboratory.training()),
    )
    children = [offer(world, "Training", laboratory.training(parents=(parent,))) for parent in parents]
    for parent in parents:
        deliver(world, worker, parent, model=b"p" * 32)

    models = [deliver(world, worker, child, model=b"c" * 32) for child in children]

    assert [clean_for(world, model) for model in models] == [(), (laboratory.objective,)]


def test_bytes_of_a_test_sample_are_no_clean_model(world: World, laboratory: Laboratory) -> None:
    """A trainer that gives a Test sample out as its model would bring it into every later training."""
    trainer = world.accounts[1]
    parent = offer(world, "Training", laboratory.training())
    child = offer(world, "Training", laboratory.training(parents=(parent,)))
    smuggled = deliver(world, trainer, parent, model=laboratory.tests[0])
    heir = deliver(world, trainer, child, model=b"h" * 32)

    assert clean_for(world, smuggled) == ()
    assert clean_for(world, heir) == ()
    with pytest.raises(Refused, match=r"NotCertifiable|TestSampleInTraining"):
        offer(world, "Scoring", laboratory.scoring(model_input(heir)))


def test_a_score_by_the_objectives_own_rules_is_certified(world: World, laboratory: Laboratory) -> None:
    owner, trainer, stranger, *_ = world.accounts
    model = train(world, laboratory)
    vouchers = []
    for worker in (owner, trainer, stranger):
        task = offer(world, "Scoring", laboratory.scoring(model_input(model)))
        submission = deliver(world, worker, task, score=-97 * 10**16)
        score = world.state.tasks("Submissions")[task, submission].score
        assert (score.value, score.standing) == (-97 * 10**16, "Certified")
        vouchers.append(name_of(score.voucher))
    assert vouchers == ["Own", "Own", "Independent"]


def test_the_objectives_owner_vouches_for_others_models(world: World, laboratory: Laboratory) -> None:
    owner, trainer, creator, *_ = world.accounts
    offered = terms(world, judge=creator, kind="Training", window=0)
    model = deliver(world, trainer, create(world, creator, offered, laboratory.training()), model=b"m" * 32)

    task = offer(world, "Scoring", laboratory.scoring(model_input(model)))
    submission = deliver(world, owner, task, score=1)

    assert world.state.tasks("Submissions")[task, submission].score.voucher == "Owner"


def test_a_score_on_train_samples_is_a_cross_validation(world: World, laboratory: Laboratory) -> None:
    model = train(world, laboratory)
    task = offer(world, "Scoring", laboratory.cross_validation(model_input(model)))
    submission = deliver(world, world.accounts[2], task, score=5)

    assert world.state.tasks("Submissions")[task, submission].score.standing == "CrossValidation"


def test_a_scoring_on_test_samples_names_their_objective_and_uses_exactly_its_assets(
    world: World, laboratory: Laboratory
) -> None:
    model = model_input(train(world, laboratory))
    whole = laboratory.scoring(model)
    crooked = {
        "without objective": Spec(inputs=whole.inputs),
        "a sample less": Spec(inputs=(*whole.inputs[:3], model), objectives=whole.objectives),
        "a sample more": laboratory.scoring(model, asset_input(laboratory.owner, laboratory.train)),
        "no opener": Spec(inputs=whole.inputs[1:], objectives=whole.objectives),
        "no metric": Spec(inputs=(whole.inputs[0], *whole.inputs[2:]), objectives=whole.objectives),
    }
    refusals = {}
    for name, spec in crooked.items():
        with pytest.raises(Refused) as refused:
            offer(world, "Scoring", spec)
        refusals[name] = str(refused.value)
    assert refusals == dict.fromkeys(crooked, "NotTheObjectives")


def test_a_scoring_without_any_sample_is_refused(world: World, laboratory: Laboratory) -> None:
    model = train(world, laboratory)
    with pytest.raises(Refused):
        offer(world, "Scoring", Spec(inputs=(model_input(model),)))


def test_only_a_clean_model_is_certified(world: World, laboratory: Laboratory) -> None:
    unnamed = deliver(
        world, world.accounts[1], offer(world, "Training", Spec(inputs=laboratory.training().inputs)), model=b"u" * 32
    )
    with pytest.raises(Refused, match="NotCertifiable"):
        offer(world, "Scoring", laboratory.scoring(model_input(unnamed)))


def test_private_data_is_offered_to_its_owner_only(world: World) -> None:
    creator, holder, other, *_ = world.accounts
    digest = digest_of("private")
    world.do(holder, calls.register_permitted(digest, TRAIN_SAMPLE))
    world.do(holder, calls.register_asset(digest_of("algo"), "Algo"))
    inputs = (asset_input(holder, digest), asset_input(holder, digest_of("algo")))
    task = offer(world, "Training", Spec(inputs=inputs))

    assert world.state.tasks("Offers") == {(holder, task): ()}
    assert world.state.tasks("OpenTasks") == {}
    for account in (creator, other):
        with pytest.raises(Refused, match="NotOffered"):
            world.do(account, calls.assign_task(task))
    claim(world, holder, task)
    assert world.state.tasks("Offers") == {}


def test_private_data_of_two_accounts_goes_nowhere(world: World) -> None:
    creator, holder, other, *_ = world.accounts
    for owner in (holder, other):
        world.do(owner, calls.register_permitted(digest_of("private"), TRAIN_SAMPLE))
    world.do(creator, calls.register_asset(digest_of("algo"), "Algo"))
    algo = asset_input(creator, digest_of("algo"))
    both = Spec(inputs=(algo, *(asset_input(owner, digest_of("private")) for owner in (holder, other))))

    with pytest.raises(Refused, match="PrivateInputsDiffer"):
        offer(world, "Training", both)
    wanted = terms(world, judge=creator, kind="Training", assignee=other)
    with pytest.raises(Refused, match="PrivateInputsDiffer"):
        create(world, creator, wanted, Spec(inputs=both.inputs[:2]))


def test_an_offer_is_for_one_account_and_one_result(world: World) -> None:
    creator, chosen, other, *_ = world.accounts
    with pytest.raises(Refused, match="OneSlotOnly"):
        create(world, creator, terms(world, judge=creator, assignee=chosen, slots=2))
    task = create(world, creator, terms(world, judge=creator, assignee=chosen, window=0))

    with pytest.raises(Refused, match="NotOffered"):
        world.do(other, calls.assign_task(task))
    deliver(world, chosen, task)
    assert status(world, task) == "Done"
