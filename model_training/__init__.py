"""The training program. It imports the input contract from `app`, never the other way round."""

import os

# TensorFlow reads this when it is first imported: its start-up notes and CUDA warnings help nobody here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
