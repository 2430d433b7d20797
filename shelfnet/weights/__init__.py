"""Weights of the trained model that comes with the package: ``model.safetensors``, ``model.json`` and its card."""
