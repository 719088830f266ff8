"""Train `emoji-xlmr`, a small XLM-R, on emoji names and keywords in 105 languages.

    python -m trainers.lab.models.encoder

Every step has two losses:

* alignment: classify the concept of a text (name, keywords or both, words dropped at random) in any language, by a softmax
  over learned concept vectors (proxies, Movshovitz-Attias et al. 2017), from the first token and from the mean;
* masked language modelling (Devlin et al. 2019) on single texts.

Neither uses names or keywords of held-out pairs and held-out combinations. Held-out languages are used in the second
only: the encoder reads their texts but never learns what they mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from hub.embeddings import masked_mean
from trainers.corpora.emoji_dataset import Name, World
from trainers.lab.stage_options import make_parser, scale_steps
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import generator_of

LENGTH = 32
TRAINED_LENGTH = 20
"""Longer texts are truncated in training; 99 of 100 names fit."""
VOCABULARY = 16_000
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MASK_BATCH = 64
MASK_SHARE = 0.2
FOCUS = {"en": 6.0, "yo": 4.0, "sw": 4.0, "hi": 4.0, "zh": 4.0, "ar": 4.0}
"""Languages sampled more often than the others, with their weights."""
ROLE_WEIGHTS = {"base": 1.0, "tone": 0.12, "flag": 0.25}

RECIPE = Recipe(
    steps=5000,
    batch_size=256,
    learning_rate=1.5e-3,
    betas=(0.9, 0.98),
    weight_decay=0.05,
    warmup_steps=200,
    hold_share=0.2,
    final_share=0.01,
    ema_decay=0.998,
    seed=5,
)


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train a unigram model on normalised lower-case text; its layout is that of XLM-R, `<s> … </s>`."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, unk_token="<unk>", max_piece_length=16, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=LENGTH,
    )


def make_encoder(vocabulary: int) -> XLMRobertaModel:
    """Return an untrained encoder with 4 layers of width 192."""
    torch.manual_seed(RECIPE.seed)
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=6,
        intermediate_size=768,
        max_position_embeddings=LENGTH + 2,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    # The backward pass of fused attention is slow on CPUs for short sequences.
    encoder = AutoModel.from_config(config, attn_implementation="eager", add_pooling_layer=False)
    return cast(XLMRobertaModel, encoder)


class EncoderWithHeads(nn.Module):
    """The encoder with the two heads that are only used in training."""

    def __init__(self, encoder: XLMRobertaModel, concepts: int) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.proxies = nn.Parameter(torch.randn(concepts, width) * width**-0.5)
        self.log_scale = nn.Parameter(torch.tensor(2.7))
        self.unmask = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))


class EncoderPretraining:
    """Trains the encoder to classify concepts and to predict masked tokens."""

    def __init__(
        self, module: EncoderWithHeads, tokenizer: PreTrainedTokenizerFast, world: World, device: torch.device
    ) -> None:
        self.module = module
        self._tokenizer = tokenizer
        self._device = device
        trained = [name for name in world.names if may_be_read(world, name)]
        self._aligned = [name for name in trained if name.split == "seen"]
        self._readable = trained
        self._place = {id: place for place, id in enumerate(trained_concepts(world))}
        self.example_count = len(self._aligned)
        self.example_weights: Tensor | None = torch.tensor(
            [
                FOCUS.get(name.language, 1.0) * ROLE_WEIGHTS[world.concepts[name.concept]["role"]]
                for name in self._aligned
            ]
        )

    def loss(self, draw: Draw) -> Loss:
        """Return the cross-entropy over concepts, from the first state and from the mean, plus that over masked tokens."""
        names = [self._aligned[index] for index in draw.indices_B.tolist()]
        texts = [compose_text(name, draw.generator) for name in names]
        ids_BL, mask_BL = self._tokens(texts)
        states_BLD = self.module.encoder(ids_BL, attention_mask=mask_BL).last_hidden_state
        target_B = torch.tensor([self._place[name.concept] for name in names], device=self._device)
        proxies_ND = F.normalize(self.module.proxies, dim=1)
        scale = self.module.log_scale.exp().clamp(max=50)
        losses = []
        for pooled_BD in (states_BLD[:, 0], masked_mean(states_BLD, mask_BL)):
            logits_BN = scale * F.normalize(pooled_BD.float(), dim=1) @ proxies_ND.T
            losses.append(F.cross_entropy(logits_BN, target_B, label_smoothing=0.05))
        hit = (logits_BN.argmax(1) == target_B).float().mean()
        masked = self._masked(draw.generator)
        align = (losses[0] + losses[1]) / 2
        return Loss(align + 0.3 * masked, {"align": align.detach(), "mlm": masked.detach(), "hit": hit.detach()})

    def _masked(self, generator: torch.Generator) -> Tensor:
        indices = torch.randint(0, len(self._readable), (MASK_BATCH,), generator=generator).tolist()
        ids_BL, mask_BL = self._tokens([compose_text(self._readable[place], generator) for place in indices])
        chosen_BL = (torch.rand(ids_BL.shape, generator=generator).to(self._device) < MASK_SHARE) & (
            ids_BL >= len(SPECIAL)
        )
        hidden_BL = ids_BL.masked_fill(chosen_BL, self._tokenizer.mask_token_id)
        states_BLD = self.module.encoder(hidden_BL, attention_mask=mask_BL).last_hidden_state
        logits_KV = self.module.unmask(states_BLD[chosen_BL]) @ self.module.encoder.embeddings.word_embeddings.weight.T
        return F.cross_entropy(logits_KV.float(), ids_BL[chosen_BL])

    def _tokens(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        batch = self._tokenizer(texts, padding=True, truncation=True, max_length=TRAINED_LENGTH, return_tensors="pt")
        return batch.input_ids.to(self._device), batch.attention_mask.to(self._device)


def may_be_read(world: World, name: Name) -> bool:
    """Return whether the encoder may read this row in training."""
    return world.concepts[name.concept]["role"] != "extra" and name.split in ("seen", "languages")


def trained_concepts(world: World) -> list[str]:
    """Return the ids of the concepts that have a proxy."""
    return [id for id, row in world.concepts.items() if row["role"] != "extra"]


def compose_text(name: Name, generator: torch.Generator) -> str:
    """Return the name half of the time, else keywords with or without it; drop a word now and then."""
    form, drop = torch.rand(2, generator=generator).tolist()
    words = [name.keywords[place] for place in torch.randperm(len(name.keywords), generator=generator).tolist()]
    if form < 0.5 or not words:
        text = name.name
    elif form < 0.65:
        text = f"{name.name} {' '.join(words[:2])}"
    else:
        text = " ".join(words[: 1 + int(form * 100) % 3])
    parts = text.split(" ")
    if drop < 0.15 and len(parts) > 2:
        parts.pop(int(drop / 0.15 * len(parts)))
    return " ".join(parts)


@torch.no_grad()
def embed(encoder: XLMRobertaModel, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """Return normalised mean states, (N, D)."""
    chunks = []
    for start in range(0, len(texts), 256):
        batch = tokenizer(
            texts[start : start + 256], padding=True, truncation=True, max_length=LENGTH, return_tensors="pt"
        )
        states_BLD = encoder(batch.input_ids.to(encoder.device), attention_mask=batch.attention_mask.to(encoder.device))
        pooled_BD = masked_mean(states_BLD.last_hidden_state, batch.attention_mask.to(encoder.device))
        chunks.append(F.normalize(pooled_BD.float(), dim=1).cpu())
    return torch.cat(chunks)


def measure_retrieval(
    encoder: XLMRobertaModel, tokenizer: PreTrainedTokenizerFast, world: World
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the recall of English names in the gallery: `{language: {split: {r1, r10, n}}}`."""
    encoder.eval()
    gallery = world.gallery()
    english = {name.concept: name.name for name in world.named("en")}
    targets_ND = embed(encoder, tokenizer, [english[id] for id in gallery])
    place = {id: index for index, id in enumerate(gallery)}
    result: dict[str, dict[str, dict[str, float]]] = {}
    for language in world.languages:
        rows = [name for name in world.named(language) if name.concept in place]
        scores_BN = embed(encoder, tokenizer, [row.name for row in rows]) @ targets_ND.T
        right_B = torch.tensor([place[row.concept] for row in rows])
        rank_B = (scores_BN > scores_BN.gather(1, right_B[:, None])).sum(1)
        for split in sorted({row.split for row in rows}):
            rank_of_split_B = rank_B[torch.tensor([row.split == split for row in rows])]
            result.setdefault(language, {})[split] = {
                "r1": (rank_of_split_B < 1).float().mean().item(),
                "r10": (rank_of_split_B < 10).float().mean().item(),
                "n": len(rank_of_split_B),
            }
    return result


def main() -> None:
    """Train the tokenizer and the encoder, and save them below the work folder."""
    arguments = make_parser(__doc__).parse_args()
    work: Path = arguments.work
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    world = World()
    target = work / "emoji-xlmr"
    if (target / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(target)
    else:
        readable = [name for name in world.names if may_be_read(world, name)]
        readable = [name for name in readable if world.concepts[name.concept]["role"] == "base"]
        corpus = [compose_text(name, generator_of(RECIPE.seed, "corpus", place)) for place, name in enumerate(readable)]
        tokenizer = make_tokenizer(corpus)
        tokenizer.save_pretrained(target)
    module = EncoderWithHeads(make_encoder(len(tokenizer)), len(trained_concepts(world))).to(device)
    train(
        EncoderPretraining(module, tokenizer, world, device),
        scale_steps(RECIPE, arguments.share),
        work / "emoji-xlmr-run",
        checkpoint_every=250,
        label="emoji-xlmr",
    )
    module.encoder.save_pretrained(target)


if __name__ == "__main__":
    main()
