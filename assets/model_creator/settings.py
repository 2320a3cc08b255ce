"""Which numbers make the first model? Change them here; ``model_creator.py`` only uses them."""

MODEL_NAME = "digits"
PIXELS = 64
CLASSES = 10
HIDDEN = 16
EPOCHS = 10
BATCH = 16
LEARNING_RATE = 0.005
SEED = 1797
