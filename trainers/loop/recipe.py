"""A recipe: the hyperparameters of a training phase."""

from __future__ import annotations

from dataclasses import dataclass

DECAYS = ("cosine", "linear", "inverse-sqrt")
PRECISIONS = ("bf16", "fp16", "no")
QUANTISED = ("8bit", "no")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The hyperparameters of a training phase."""

    steps: int
    """Optimiser updates."""
    batch_size: int
    """Examples per update, over all processes."""
    accumulation: int = 1
    """Gradient accumulation steps: less memory, more time, the same gradient."""
    learning_rate: float
    """Peak learning rate."""
    optimizer: str = "adamw"
    """`adamw`; or `muon` (Jordan et al. 2024), for matrices, with AdamW for the rest: see `trainers/loop/optimizer.py`."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    """Decoupled, on tensors of two or more dimensions only."""
    warmup_steps: int = 50
    warmup_from: float = 0.0
    """Learning rate of the first update, from which warm-up rises evenly; 0 begins one step above it."""
    hold_share: float = 0.0
    """Share of the steps that stay at the peak before the rate decays."""
    final_share: float = 0.01
    """Last learning rate as a share of the peak."""
    decay: str = "cosine"
    """`cosine`, `linear`, or `inverse-sqrt` (Vaswani et al. 2017, §5.3), which does not depend on the number of steps."""
    ema_decay: float = 0.0
    """Decay of the moving average of the weights; 0 keeps no average."""
    take_best: bool = False
    """End with the checkpoint of the lowest validation value instead of the last weights; the method must be `Validated`."""
    clip_norm: float = 1.0
    """Maximum norm of the gradient; 0 does not clip."""
    precision: str = "bf16"
    """Autocast type of the forward pass: `bf16`, `fp16` or `no`. bf16 is `no` on devices without it: `trainers/loop/precision.py`."""
    gradient_checkpointing: bool = False
    """Compute the denoiser's activations again in the backward pass: the same gradients with less memory, a third slower."""
    sample_latents: bool = False
    """Draw an image's latents from the autoencoder's posterior at each step, as diffusers' training scripts do, instead of the mean."""
    center_crop: bool = False
    """Use center crops, as without any cropping, and pass their true sizes to the denoiser, as diffusers' script for SDXL does.
    Without any cropping, it gets the sizes of an uncropped image of the base's size."""
    random_crops: int = 0
    """Number of random crops to encode for each image. A step samples one and passes its size and position to the denoiser. 0: none."""
    random_flip: bool = False
    """Mirror half of the crops; without `random_crops`, the one in the middle is encoded both ways."""
    aspect_buckets: bool = False
    """Crop an image to the nearest of several shapes of about the base's area, instead of a square; a batch has one shape."""
    quantise: str = "no"
    """`8bit` keeps the linear layers of a frozen denoiser in 8 bits; gradients flow through it in the type of the precision."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` for invalid values."""
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(f"steps ({self.steps}) and batch size ({self.batch_size}) must be at least 1.")
        if self.learning_rate <= 0:
            raise ValueError(f"the learning rate must be positive, not {self.learning_rate}.")
        if self.decay not in DECAYS or self.precision not in PRECISIONS:
            raise ValueError(
                f"decay `{self.decay}` must be one of {', '.join(DECAYS)}, precision `{self.precision}` one of "
                f"{', '.join(PRECISIONS)}."
            )
        if self.random_crops < 0 or (self.center_crop and self.random_crops):
            raise ValueError(
                f"`random_crops` must be 0 or more, not {self.random_crops}, and 0 with `center_crop`: choose one of the two."
            )
        if self.quantise not in QUANTISED:
            raise ValueError(f"`quantise` must be {' or '.join(QUANTISED)}, not `{self.quantise}`.")
