"""Steps of ``benchmarks/gpu.py``: one module per step, each run in a process of its own."""
