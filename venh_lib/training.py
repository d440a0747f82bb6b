"""Training: one loop for every method, on one core or many GPUs, that can be stopped and goes on exactly.

A training lives in a folder: ``state.safetensors`` (everything needed to go on), ``best.safetensors``
and ``best.json`` (the weights that did best on the validation clips, and their provenance), ``log.jsonl``.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs, gather_object
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from venh_lib import checkpoints, dataset, devices, origin
from venh_lib.blocks.deformable import overflowing
from venh_lib.blocks.padding import middle_of
from venh_lib.crops import Crops, Range
from venh_lib.dataset import Sequence
from venh_lib.errors import SettingError, TrainingError
from venh_lib.files import write_atomically, writing
from venh_lib.methods import get
from venh_lib.methods.method import Method, as_seen_by
from venh_lib.optimisation import Average, clip_adaptively
from venh_lib.recipes import Recipe
from venh_lib.starts import read_state, run_folder, start_checkpoint, start_from
from venh_lib.validation import validation_gains

LOG_EVERY = 20


class Objective(nn.Module):
    """What is minimised: a network, and the loss of its output.

    A network that is trained on more than its output (its motion, say) has a method
    ``training_loss(samples, step, steps, loss)`` of its own. The loss is part of the module that several
    processes share, so that every gradient is averaged over them, whichever path it takes.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe

    def forward(self, samples: dict[str, torch.Tensor], step: int) -> torch.Tensor:
        if hasattr(self.network, "training_loss"):
            return self.network.training_loss(samples, step, self.recipe.steps, self.loss)
        told = (samples[name] for name in getattr(self.network, "reads", ()))
        return self.loss(self.network(samples["lq"], *told), samples["gt"])

    def loss(self, output: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The recipe's loss, of what lies inside its margin."""
        return self.recipe.loss(middle_of(output, truth) if self.recipe.margin else output, truth)


@dataclass
class Progress:
    """How far a training is; saved with its state."""

    step: int = 0
    best_step: int = 0
    best_gain: float = -math.inf
    seconds: float = 0.0
    losses: list[torch.Tensor] = field(default_factory=list)


class Training:
    """One training of ``method`` for ``track`` in ``folder``; ``run()`` starts it, or goes on where it stopped.

    Raises SettingError when the clips need more than the cache's bound, TrainingError when the folder holds a
    training of another recipe or seed, and when the loss is no longer finite (the last good state and the best
    checkpoint stay in the folder).
    """

    def __init__(
        self,
        method: Method,
        track: int,
        recipe: Recipe,
        folder: Path,
        *,
        scale: str,
        seed: int,
        training: SequenceOf[Sequence],
        validation: SequenceOf[Sequence],
        device: torch.device | None = None,
        compile_network: bool = False,
        workers: int | None = None,
        progress: bool = True,
    ) -> None:
        device = device or devices.pick_device()
        precision = devices.resolve_precision(device, recipe.precision)
        if precision == "fp16" and device.type == "cpu":
            raise SettingError(f"{method.slug}: fp16 trains on a GPU alone; choose precision bf16 or fp32 here.")
        self.accelerator = _accelerator(device, precision)
        self.method, self.track, self.recipe, self.scale, self.seed = method, track, recipe, scale, seed
        self.folder, self.validation, self.show = Path(folder), validation, progress
        self.precision = precision
        if recipe.batch % self.accelerator.num_processes:
            raise SettingError(
                f"{method.slug}: {self.accelerator.num_processes} processes cannot share its batches of {recipe.batch} "
                "evenly; start a number of processes that divides it."
            )
        self.workers = (0 if device.type == "cpu" else 4) if workers is None else workers
        dataset.check_cache_holds([*training, *validation])
        torch.manual_seed(seed)
        network = method.build(recipe.preset)
        self.crops = Crops(
            training, as_seen_by(network, method).policy, method.targets, recurrent=method.kind == "recurrent",
            side=recipe.crop, margin=recipe.margin, frames=recipe.frames,
            samples=recipe.steps * recipe.batch, seed=seed,
            flips=recipe.flips, colour=recipe.colour, motion=recipe.motion,
            places=recipe.places, film=recipe.film,
        )  # fmt: skip
        for prefix, slug, *other_track in recipe.start:
            source = start_checkpoint(get(slug), *(other_track or [track]), scale, seed, recipe.preset)
            start_from(network, prefix, get(slug), recipe.preset, source)
        for name, parameter in network.named_parameters():
            if name.startswith(recipe.frozen):
                parameter.requires_grad_(False)
        network = network.to(device=self.accelerator.device, memory_format=torch.channels_last)
        self.average = Average(network, recipe.ema) if recipe.ema else None
        groups: dict[tuple[float, int], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(recipe.rate_of(name), []).append(parameter)
        optimiser = torch.optim.Adam(
            [{"params": p, "factor": factor, "first": first} for (factor, first), p in groups.items()],
            lr=recipe.learning_rate, betas=recipe.betas, weight_decay=recipe.weight_decay,
        )  # fmt: skip
        objective = Objective(network, recipe)
        self.objective, self.optimiser = self.accelerator.prepare(
            torch.compile(objective) if compile_network else objective, optimiser
        )
        self.network = network
        self.progress = Progress()

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are validated and kept: the moving average, or the network itself without one."""
        return self.average.network if self.average else self.network

    # --- the loop ------------------------------------------------------------------------------

    def run(self) -> Path:
        """Train to the recipe's last step; returns the path of the best checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        steps, batch = self.recipe.steps, self.recipe.batch
        loader = DataLoader(
            self.crops, batch, sampler=Range(self.progress.step * batch, steps * batch), num_workers=self.workers,
            pin_memory=self.accelerator.device.type == "cuda", drop_last=True, collate_fn=_as_made,
        )  # fmt: skip
        loader = self.accelerator.prepare(loader)
        show = self.show and self.accelerator.is_main_process
        bar = tqdm(
            initial=self.progress.step,
            total=steps,
            unit="step",
            desc=f"{self.method.slug} track {self.track}",
            disable=not show,
        )
        with bar:
            if self.recipe.start and self.progress.step == 0:
                # What it starts from may be worth more than what it learns.
                self._validate(bar)
            started = time.perf_counter()
            for samples in loader if self.progress.step < steps else ():
                loss = self.step(samples)
                self.progress.step += 1
                bar.update()
                self.progress.losses.append(loss)
                now = time.perf_counter()
                self.progress.seconds += now - started
                started = now
                if any(map(self._due, (LOG_EVERY, self.recipe.validate_every, self.recipe.checkpoint_every))):
                    self._look(bar)
                if self._due(self.recipe.validate_every):
                    self._validate(bar)
                if self._due(self.recipe.checkpoint_every):
                    self._save()
        # The first process alone writes: nobody reads what it has not ended.
        self.accelerator.wait_for_everyone()
        return self.folder / "best.safetensors"

    def step(self, samples: dict[str, torch.Tensor]) -> torch.Tensor:
        """One step of the optimiser on one batch; returns the loss, a scalar on the device."""
        self.network.train()
        number = self.progress.step
        # Whatever a network draws (noise, say) depends on the seed and the step alone, as its samples do.
        torch.manual_seed(self.seed * 1_000_003 + number)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate_at(number) * group["factor"] * (number >= group["first"])
        with self.accelerator.autocast():
            loss = self.objective(samples, number)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        if self.recipe.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        elif self.recipe.adaptive_clip is not None:
            self.accelerator.unscale_gradients(self.optimiser)
            clip_adaptively([p for p in self.network.parameters() if p.requires_grad], self.recipe.adaptive_clip)
        self.optimiser.step()
        if self.average:
            self.average.update(self.network, number)
        return loss.detach()

    def _due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self.recipe.steps

    def _look(self, bar: tqdm) -> None:
        """Log the mean loss since the last look; seldom, since looking waits for the device, but before each save."""
        losses = self.accelerator.reduce(torch.stack(self.progress.losses), "mean").cpu()
        mean = float(losses.mean())
        self.progress.losses.clear()
        whole = all(bool(torch.isfinite(p).all()) for p in self.network.parameters())
        if not (math.isfinite(mean) and whole):
            bad = (~losses.isfinite()).nonzero().flatten().tolist()
            step = self.progress.step - len(losses) + 1 + bad[0] if bad else self.progress.step
            spoilt = f"at step {step} the loss is {losses[bad[0]]}" if bad else f"by step {step} weights are not finite"
            raise TrainingError(
                f"{self.method.slug}: {spoilt}. "
                f"The last good state is in {self.folder}; "
                "train again with a lower learning rate, a smaller clip_norm or precision='fp32'."
            )
        rate = self.recipe.learning_rate_at(self.progress.step - 1)
        if overflow := overflowing(self.network):
            self._log({"step": self.progress.step, "offset_overflow": overflow})
            worst = max(overflow, key=overflow.get)
            if self.accelerator.is_main_process:
                bar.write(
                    f"step {self.progress.step}: the offsets of {worst} average {overflow[worst]:.0f} pixels, and most "
                    "places that it reads lie outside the frame. A lower learning rate or offset losses keep them in."
                )
        self._log(
            {
                "step": self.progress.step,
                "loss": mean,
                "learning_rate": rate,
                "seconds": round(self.progress.seconds, 1),
            }
        )
        bar.set_postfix_str(f"loss {mean:.5f}, best {self.progress.best_gain:+.3f} dB", refresh=False)

    def _validate(self, bar: tqdm) -> None:
        """Score the weights on the validation clips, shared out among the processes; keep the best so far."""
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        own = self.validation[rank::count]
        measured = validation_gains(self.evaluated, self.method, own, self.accelerator.device, self.precision)
        measured = dict(gather_object(list(measured.items())))
        if not self.accelerator.is_main_process:
            return
        gains = {sequence.name: measured[sequence.name] for sequence in self.validation}
        gain = sum(gains.values()) / len(gains)
        if gain > self.progress.best_gain:
            self.progress.best_gain, self.progress.best_step = gain, self.progress.step
            checkpoints.save(self.folder / "best.safetensors", self.evaluated, self.provenance(gains))
        self._log(
            {"step": self.progress.step, "gain_db": gain, "gains_db": gains, "seconds": round(self.progress.seconds, 1)}
        )
        bar.set_postfix_str(f"gain {gain:+.3f} dB, best {self.progress.best_gain:+.3f} dB at {self.progress.best_step}")

    # --- what is kept --------------------------------------------------------------------------

    def provenance(self, gains: dict[str, float]) -> dict[str, Any]:
        """How these weights were made: enough to make them again and to know when that is not possible."""
        usual = self.method.recipes.get((self.track, self.scale))
        command = f"venh train {self.method.slug} --track {self.track} --scale {self.scale} --seed {self.seed}"
        if usual and usual.steps != self.recipe.steps:
            command += f" --steps {self.recipe.steps}"
        return {
            "method": self.method.slug,
            "preset": self.recipe.preset,
            "track": self.track,
            "scale": self.scale,
            "seed": self.seed,
            "steps": self.recipe.steps,
            "step": self.progress.step,
            "recipe": repr(self.recipe),
            "validation_gain_db": {name: round(gain, 4) for name, gain in gains.items()},
            "data": dataset.manifest_hash() if self.scale != "paper" else "LDV",
            "code": origin.code_version(),
            "seconds": round(self.progress.seconds, 1),
            "machine": origin.machine(self.accelerator.device),
            "processes": self.accelerator.num_processes,
            "command": command,
        }

    def _log(self, row: dict[str, Any]) -> None:
        path = self.folder / "log.jsonl"
        if self.accelerator.is_main_process:
            with writing(path), open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a state to be this training's."""
        return {"method": self.method.slug, "track": self.track, "seed": self.seed, "recipe": repr(self.recipe)}

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        if self.average:
            tensors |= {f"average.{k}": v for k, v in self.average.network.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in state.items()}
        scaler = self.accelerator.scaler.state_dict() if self.accelerator.scaler else None
        progress = {k: v for k, v in vars(self.progress).items() if k != "losses"}
        record = {**self._identity(), "progress": progress, "scaler": scaler}
        checkpoints.write_tensors(self.folder / "state.safetensors", tensors, {"venh": json.dumps(record)})

    def _resume(self) -> None:
        """Take up the state in the folder, if there is one of this very training."""
        path = self.folder / "state.safetensors"
        if not path.is_file():
            (self.folder / "log.jsonl").unlink(missing_ok=True)
            return
        tensors, record = read_state(path)
        found = {key: record.get(key) for key in self._identity()}
        if found != self._identity():
            raise TrainingError(
                f"{self.folder} holds another training ({found}); this one is {self._identity()}. "
                "Choose another folder, or delete that one."
            )
        checkpoints.load_into(self.network, _part(tensors, "network."), path)
        if self.average:
            checkpoints.load_into(self.average.network, _part(tensors, "average."), path)
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _part(tensors, "optimiser.").items():
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        if record["scaler"]:
            self.accelerator.scaler.load_state_dict(record["scaler"])
        self.progress = Progress(**record["progress"])
        _trim_log(self.folder / "log.jsonl", self.progress.step)


def leave() -> bool:
    """Let go of the other processes, when nothing more is trained: one that exits without it may be aborted.

    Returns whether this is the first one, which does what is to be done once.
    """
    if not torch.distributed.is_initialized():
        return True
    rank = torch.distributed.get_rank()
    torch.distributed.destroy_process_group()
    return rank == 0


def _accelerator(device: torch.device, precision: str) -> Accelerator:
    """Accelerate for one training, whatever the precision of an earlier one in this process."""
    mixed_precision = "no" if precision == "fp32" else precision
    if device.type == "cuda" and device.index is not None and int(os.environ.get("WORLD_SIZE", 1)) == 1:
        # Accelerate takes the current GPU; of several processes each has its own.
        torch.cuda.set_device(device)
    if is_initialized() and AcceleratorState().mixed_precision != mixed_precision:
        # The precision is kept in a singleton that refuses another; its processes and device stay.
        AcceleratorState._reset_state()
    # The recipe's batch is that of all processes together. (Accelerator's own ``split_batches`` is heard no more.)
    loading = DataLoaderConfiguration(split_batches=True, non_blocking=True)
    # Some methods train their parts one after the other: a gradient of what rests is not waited for.
    sharing = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=mixed_precision,
        dataloader_config=loading,
        kwargs_handlers=[sharing],
    )


def _as_made(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``Crops`` stacks the samples of a batch itself."""
    return batch


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _trim_log(path: Path, step: int) -> None:
    """Drop what was logged after the state was saved: it will be logged again."""
    if path.is_file():
        rows = [line for line in path.read_text(encoding="utf-8").splitlines() if _logged_step(line) <= step]
        write_atomically(path, "".join(f"{row}\n" for row in rows))


def _logged_step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except json.JSONDecodeError:  # the last line of a process that was killed while writing it
        return math.inf


def train(
    method: Method,
    track: int,
    scale: str,
    *,
    seed: int = 0,
    folder: Path | None = None,
    steps: int | None = None,
    device: torch.device | None = None,
    compile_network: bool = False,
    progress: bool = True,
) -> Path:
    """Train ``method`` for ``track`` at ``scale``, or go on with the training in ``folder``.

    ``steps`` replaces the recipe's number of steps. Returns the path of the best checkpoint, chosen on
    the validation clips alone. Raises SettingError when the method has no such recipe, DataError when
    the data is not there, TrainingError as ``Training`` does.
    """
    recipe = method.recipe(track, scale)
    if steps is not None:
        recipe = recipe.with_steps(steps)
    limit = None if scale == "paper" else recipe.clips
    return Training(
        method, track, recipe, folder or run_folder(method, track, scale, seed), scale=scale, seed=seed,
        training=dataset.sequences("train", track, scale, limit, progress=progress),
        validation=dataset.sequences("validation", track, scale, progress=progress),
        device=device, compile_network=compile_network, progress=progress,
    ).run()  # fmt: skip
