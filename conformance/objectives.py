"""Writes runtime/trainer/testdata/objectives.json: the losses of ODIN and of
ArmoRM's gate on small random numbers, and their gradients, by torch."""

import json
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(11)


def pearson(x, y):
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x.norm() * y.norm())


def odin(chosen, rejected, lengths, weight):
    """Head 0 is quality, head 1 length; rows of weight are the heads."""
    rank = -F.logsigmoid(chosen.sum(-1) - rejected.sum(-1)).mean()
    heads, tokens = torch.cat([chosen, rejected]), lengths.reshape(-1)
    corr = (
        (1 - pearson(tokens, heads[:, 1]))
        + pearson(tokens, heads[:, 0]).abs()
        + pearson(tokens, heads.sum(-1)).abs()
    )
    rows = F.normalize(weight - weight.mean(-1, keepdim=True), dim=-1)
    return rank + corr + (rows[0] * rows[1]).sum().abs()


def gate(gates, chosen, rejected, matrix, scale):
    g = scale * torch.softmax(gates / 10, -1)
    difference = ((chosen - rejected) @ matrix * g).sum(-1)
    return F.binary_cross_entropy_with_logits(difference, torch.ones_like(difference))


def tensor(*shape):
    return torch.randn(*shape, dtype=torch.float64).float().double().requires_grad_()


chosen, rejected, weight = tensor(6, 2), tensor(6, 2), tensor(2, 5)
lengths = torch.randint(5, 200, (2, 6)).double()
loss = odin(chosen, rejected, lengths, weight)
loss.backward()

gates, scale = tensor(6, 4), torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
good, bad = tensor(6, 4).detach(), tensor(6, 4).detach()
matrix = torch.eye(4, dtype=torch.float64)
matrix[2] = torch.tensor([-0.25, -0.5, 0, -0.125])  # attribute 2 leaves the others
gated = gate(gates, good, bad, matrix, scale)
gated.backward()

json.dump(
    {
        "torch": torch.__version__,
        "odin": {
            "chosen": chosen.tolist(),
            "rejected": rejected.tolist(),
            "lengths": lengths.tolist(),
            "weight": weight.tolist(),
            "loss": loss.item(),
            "chosen_gradient": chosen.grad.tolist(),
            "rejected_gradient": rejected.grad.tolist(),
            "weight_gradient": weight.grad.tolist(),
        },
        "gate": {
            "gates": gates.tolist(),
            "chosen": good.tolist(),
            "rejected": bad.tolist(),
            "matrix": matrix.tolist(),
            "scale": scale.item(),
            "loss": gated.item(),
            "gates_gradient": gates.grad.tolist(),
            "scale_gradient": scale.grad.item(),
        },
    },
    sys.stdout,
)
