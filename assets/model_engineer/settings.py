"""Which numbers does the engineer's structure have, and how is it trained?"""

HIDDEN = 64
EPOCHS = 25
BATCH = 16
LEARNING_RATE = 0.003
SEED = 1797
