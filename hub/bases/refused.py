"""Pipelines of diffusers that take prompts and cannot take the embeddings of modules, with the reason."""

from __future__ import annotations

_WRITTEN = "a language model writes the image's tokens from the prompt itself, and embeddings hold only the quoted text"
_JOINT = "its prompt encoder takes no embeddings: it returns those of prompts and negative prompts joined"
_PRIOR = "its prior reads prompts with its own encoder, outside `encode_prompt`"
_INNER = "it calls other pipelines, which encode prompts themselves"
_ONNX = "it runs ONNX files, not torch modules"
_OLD = "diffusers has deprecated it"
_SOUND = "it makes sound"
_TEXT = "it makes text"
_TRANSFORMER = "its transformer reads the tokens of prompts, without a text encoder"

_BY_REASON = {
    _WRITTEN: "GlmImage",
    "it takes one prompt, which it joins with a task's name and a negative prompt before it encodes them": "DreamLite DreamLiteMobile",
    _JOINT: "KandinskyImg2Img KandinskyInpaint Kandinsky KandinskyPrior KandinskyV22Prior KandinskyV22PriorEmb2Emb",
    _PRIOR: "StableUnCLIP",
    _INNER: "KandinskyCombined KandinskyImg2ImgCombined KandinskyInpaintCombined KandinskyV22Combined "
    "KandinskyV22Img2ImgCombined KandinskyV22InpaintCombined",
    "diffusers 0.42 cannot load its autoencoder, whose class it has moved: load StableCascadePriorPipeline": "StableCascadeCombined "
    "StableCascadeDecoder",
    _ONNX: "OnnxStableDiffusion OnnxStableDiffusionImg2Img OnnxStableDiffusionInpaint OnnxStableDiffusionUpscale "
    "StableDiffusionOnnx",
    _OLD: "Amused AmusedImg2Img AmusedInpaint BlipDiffusion BlipDiffusionControlNet CycleDiffusion I2VGenXL PIA "
    "SemanticStableDiffusion StableDiffusionModelEditing StableDiffusionParadigms StableDiffusionPix2PixZero TextToVideoSD "
    "TextToVideoZero TextToVideoZeroSDXL UnCLIP UnCLIPImageVariation UniDiffuser VQDiffusion VersatileDiffusionDualGuided "
    "VersatileDiffusionImageVariation VersatileDiffusionTextToImage VideoToVideoSD WuerstchenCombined WuerstchenDecoder "
    "WuerstchenPrior",
    _SOUND: "AceStep AudioLDM AudioLDM2 LongCatAudioDiT MusicLDM StableAudio StableAudio3 StableAudio3AudioToAudio "
    "StableAudio3Inpaint",
    _TEXT: "DiffusionGemma LLaDA2",
    "it makes embeddings of images, to which it adds a prompt's": "FluxPriorRedux",
    "it reads three prompts at once, of a layout of images, a task and a content": "VisualClozeGeneration",
    _TRANSFORMER: "Cosmos3Omni OmniGen",
    "it makes three-dimensional shapes": "ShapE",
    "its `__call__` encodes prompts itself": "LDMTextToImage",
}
REFUSED = {f"{name}Pipeline": reason for reason, names in _BY_REASON.items() for name in names.split()}
"""Class → the reason. Classes that no family has and that are not here could become a family."""
