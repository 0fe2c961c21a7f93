"""alignray: safety alignment of language models on Ray.

Samples responses, ranks them with a judge, builds preference data, trains SFT and DPO,
evaluates with intervals. Importing this package loads neither torch nor ray nor vllm.
"""

__version__ = "0.1.0"
