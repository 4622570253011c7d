"""A cohort trained at once on one device, against its networks one after another.

One after another twice: with every step launched from Python (`launched`), and as `train` does
it on a GPU, where steps are recorded as a CUDA graph (`recorded`; on a CPU both are the same).
Beside them the form that torch's tutorials have, parameters stacked and mapped over by
`torch.func` (`--forms stacked`: its convolutions are grouped ones; no running statistics, and no
bfloat16, which PyTorch 2.11 refuses there). Images and
targets are random, of the size asked for; the first batches are not timed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

import _machine
from bench_training import MappedImages, wait
from hyp.models import stepping
from hyp.models.feeding import Shelf
from hyp.models.hardware import best_numerics
from hyp.models.inputs import Preprocessing
from hyp.models.objectives import fit_objective
from hyp.models.runtime import autocast, open_device, repeatable
from hyp.models.specs import TrainSpec
from hyp.models.stepping import new_model
from hyp.models.training import Training, train_together

SKIPPED = 20


def seconds_a_batch(specs: list[TrainSpec], dataset: MappedImages) -> float:
    """Seconds a batch of one network, when all are trained together."""
    begun: list[float] = []
    ended: list[float] = []

    def progress(done: int, total: int) -> None:
        if done == SKIPPED:
            begun.append(time.perf_counter())
        if done == total:
            ended.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        trainings = [
            Training(spec, dataset, Path(folder) / str(spec.seed), progress) for spec in specs
        ]
        errors = [error for error in train_together(trainings) if error is not None]
    if errors:
        raise errors[0]
    return (max(ended) - max(begun)) / (len(specs) * (specs[0].n_batches - SKIPPED))


def stacked(specs: list[TrainSpec], dataset: MappedImages, n_batches: int) -> float:
    """Seconds a batch of one network, with parameters stacked."""
    spec = specs[0]
    device = open_device(spec.device)
    objective = fit_objective(spec.objective, dataset.latents, dataset.table)
    preprocess = Preprocessing(spec.input_size, spec.channels_last, device)
    with repeatable(device, spec.threads):
        models = [new_model(one, objective.n_outputs, device)[0] for one in specs]
        for model in models:
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.track_running_stats = False
                    module.running_mean = module.running_var = module.num_batches_tracked = None
        stacked_state, _ = torch.func.stack_module_state(models)
        parameters = {name: p.detach().requires_grad_() for name, p in stacked_state.items()}
        optimizer = torch.optim.Adam(list(parameters.values()), lr=1e-3, fused=True)

        def loss(parameters, images, targets):
            with autocast(device, spec.precision):
                outputs = torch.func.functional_call(models[0], parameters, (images,))
            return objective.losses(outputs, targets).mean()

        gradients = torch.func.vmap(torch.func.grad(loss))
        shelf = Shelf(device)
        size = spec.batch_size * len(specs)
        rows = dataset.split("train")
        order = (
            rows[(batch * size) % (len(rows) - size) :][:size]
            for batch in range(n_batches + SKIPPED)
        )
        shape = (len(specs), spec.batch_size)
        for batch, (images, targets) in enumerate(
            shelf.batches(dataset, objective, preprocess, order)
        ):
            if batch == SKIPPED:
                wait(device)
                start = time.perf_counter()
            inputs = preprocess(images).unflatten(0, shape)
            parts = {name: target.unflatten(0, shape) for name, target in targets.items()}
            for name, gradient in gradients(
                {name: p.detach() for name, p in parameters.items()}, inputs, parts
            ).items():
                parameters[name].grad = gradient
            optimizer.step()
        wait(device)
    return (time.perf_counter() - start) / (len(specs) * n_batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--forms", nargs="+", default=["together", "recorded", "launched"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    numerics = best_numerics(
        asked.backbone, asked.size, device=asked.device, precision=asked.precision
    )
    specs = [
        TrainSpec(
            objective="distance+category",
            backbone=asked.backbone,
            seed=seed,
            n_batches=asked.batches + SKIPPED,
            **numerics._asdict(),
        )
        for seed in range(asked.networks)
    ]
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        dataset = MappedImages(Path(folder), asked.images, asked.size)

        for form in asked.forms:
            steps = stepping.EAGER_STEPS
            if form == "stacked":
                found[form] = stacked(specs, dataset, max(asked.batches // 5, 2))
            elif form == "together":
                found[form] = seconds_a_batch(specs, dataset)
            else:
                stepping.EAGER_STEPS = 10**9 if form == "launched" else steps
                found[form] = seconds_a_batch(specs[:1], dataset)
                stepping.EAGER_STEPS = steps
            print(f"{form}: {1e3 * found[form]:.3f} ms a batch of a network", flush=True)
            results = {
                "gpu": torch.cuda.get_device_name() if numerics.device == "cuda" else None,
                "asked": {name: value for name, value in vars(asked).items() if name != "out"},
                "numerics": numerics._asdict(),
                "ms_a_batch_of_a_network": {one: round(1e3 * s, 4) for one, s in found.items()},
                "images_a_second": {one: round(64 / s) for one, s in found.items()},
            }
            _machine.write(asked.out, "cohort", results)


if __name__ == "__main__":
    main()
