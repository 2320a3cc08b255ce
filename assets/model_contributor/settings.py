"""How does a contributor train? The structure is the model's own."""

EPOCHS = 15
BATCH = 16
LEARNING_RATE = 0.002
SEED = 1797
