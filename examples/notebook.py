# %% [markdown]
# # A plan from a notebook
#
# Three trainings on the iris flowers, each with another learning rate, and the certified score of each model.
# Before: `node-runtime up` in a terminal, and `node-runtime new plan iris` in the folder of this notebook.

# %%
from node_runtime import client

network = client.connect()  # the local network, with its creator's key; else chain=, key=, storage=
print(network.account)

# %% [markdown]
# Arguments are the keys of the YAML. Tasks and objectives refer to each other as objects.

# %%
iris = client.Objective(
    name="iris",
    metric="iris/metric",
    opener="iris/opener.py",
    samples=["iris/data/test-0"],
)
trainings = [
    client.Training(
        name=f"train-{rate}",
        algo="iris/algo",
        opener="iris/opener.py",
        data=["iris/data/train-0", "iris/data/train-1"],
        objectives=[iris],
        parameters={"rate": rate, "rounds": 50},
        limits={"memory": "256MiB", "outputs": "16MiB", "scratch": "64MiB"},
        reward=10,
    )
    for rate in (0.001, 0.03, 1)
]
scorings = [
    client.Scoring(
        name=training.name.replace("train", "score"),
        model=training,
        algo="iris/algo",
        objective=iris,
        limits={"memory": "256MiB", "outputs": "16MiB", "scratch": "64MiB"},
        reward=2,
    )
    for training in trainings
]
client.check(iris, *trainings, *scorings)  # every mistake, with its argument; nothing is sent

# %%
plan = network.submit(iris, *trainings, *scorings)
plan.wait(timeout=600)  # in a notebook also: await plan

# %%
rows = [row for row in plan.results() if row["identifier"] == "all"]  # or pandas.DataFrame(plan.results())
for row in rows:
    print(f"{row['name']:12} {row['performance']:.3f}  {row['standing']}, {row['voucher']}")

# %%
best = max(rows, key=lambda row: row["performance"] or 0)
model = plan[best["name"].replace("score", "train")].download("best-model")
print(sorted(path.name for path in model.iterdir()))
