"""Save a video base that is small enough to test with: `emoji-sd` with motion modules that do not move anything yet."""

from diffusers import AnimateDiffPipeline, MotionAdapter, UNetMotionModel

from hub import load_pipeline

parts = load_pipeline("emoji-sd", device="cpu").components
config = parts["unet"].config
adapter = MotionAdapter(
    block_out_channels=config.block_out_channels,
    motion_layers_per_block=config.layers_per_block,
    motion_num_attention_heads=4,
    motion_norm_num_groups=config.norm_num_groups,
)
for name, weights in adapter.named_parameters():
    if "proj_out" in name:  # AnimateDiff's training starts from zero, too: each frame is an image of the base
        weights.data.zero_()
unet = UNetMotionModel.from_unet2d(parts["unet"], adapter)
names = ("vae", "text_encoder", "tokenizer", "scheduler")
AnimateDiffPipeline(unet=unet, motion_adapter=None, **{name: parts[name] for name in names}).save_pretrained(
    "tiny-video"
)
