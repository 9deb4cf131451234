#!/usr/bin/env bash
# PyTorch 2.14.1, LambdaLR: a training that goes on with a longer schedule makes its first step at the rate of the old
# one, which is 0 where that had come to its end.
#
# Guessed: after load_state_dict of optimizer and scheduler, the next step goes by the rate of the new function at the
# step reached: half of the full rate, where 4 steps of 8 are done.
# Seen: the optimizer's state brings the last rate of the old schedule, and the scheduler's does not compute one. It
# stays until the next scheduler.step(): after 4 steps of 4 the fifth step of 8 moves no weight, the sixth is right.
# After an old schedule that broke off, the first step is at its rate instead. Nothing is said.
# Source: torch/optim/lr_scheduler.py, LRScheduler.load_state_dict sets counters alone.
# Downloads some gigabytes: PyTorch comes with its CUDA libraries.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.14.1 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import torch

OLD, NEW = 4, 8  # steps of the schedules


def course(steps):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    return weight, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0, 1 - step / steps))


def step(weight, optimizer, schedule):
    """The rate that it was made at; the gradient is 1, so the weight moves by it."""
    before = weight.item()
    weight.grad = torch.ones(1)
    optimizer.step()
    schedule.step()
    return round(before - weight.item(), 6)


first = course(OLD)
print("torch", torch.__version__)
print(f"{OLD} steps of {OLD}:", old := [step(*first) for _ in range(OLD)])
second = course(NEW)
second[1].load_state_dict(first[1].state_dict())
second[2].load_state_dict(first[2].state_dict())
print(f"going on to {NEW}: ", new := [step(*second) for _ in range(NEW - OLD)])
print(f"{NEW} steps of {NEW}:", whole := [step(*third) for third in [course(NEW)] for _ in range(NEW)])
assert old == [1.0, 0.75, 0.5, 0.25]
assert whole == [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
assert new == [0.0, 0.375, 0.25, 0.125], new
PY
