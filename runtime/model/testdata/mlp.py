"""Writes mlp.json: what torch's linear layers give, and the gradients."""

import json
import sys

import torch

torch.manual_seed(5)
cases = []
for name, act in {"relu": torch.nn.ReLU(), "gelu": torch.nn.GELU(), "silu": torch.nn.SiLU(), "tanh": torch.nn.Tanh()}.items():
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), act, torch.nn.Linear(5, 3), act, torch.nn.Linear(3, 2))
    x = torch.randn(6, 4, requires_grad=True)
    y = net(x)
    (y**2).sum().backward()
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    cases.append(
        {
            "activation": name,
            "x": x.tolist(),
            "y": y.tolist(),
            "gradient": x.grad.tolist(),
            "weights": [layer.weight.tolist() for layer in layers],
            "biases": [layer.bias.tolist() for layer in layers],
            "weight_gradients": [layer.weight.grad.tolist() for layer in layers],
        }
    )
json.dump({"torch": torch.__version__, "cases": cases}, sys.stdout)
