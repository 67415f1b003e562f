"""The small trained part: backbone features and a bank in, class logits out.

In:  Features of a batch, BankTensors, and the scenes that are known.
Out: HeadOutput, with logits at a quarter of the padded image's size.

``dense`` reads text and holds no weight that belongs to a class, so any bank of the same text
encoder fits it. ``linear`` is the baseline to beat: BatchNorm and one weight vector per class on
the last tap, no text; it fits one vocabulary only.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.layers.norm import LayerNorm2d
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from langseg.cache.errors import UsageError
from langseg.segmenter.backbones.vit import TAP_DEPTHS, Features
from langseg.segmenter.text.collapse import BankTensors, collapse, scene_probabilities

STRIDE = 4  # pixels per logit
KINDS = ("dense", "linear")
MIN_UP_WIDTH = 64
MAX_SCALE = 100.0  # as CLIP clamps its temperature
# Sentence encoders crowd classes in a cone (mean cosine 0.55 between ADE20K classes in MiniLM), so
# little of a cosine's range tells classes apart: after 200 steps on the demo data a start at 60
# gave 24.5 % mIoU, at 20 it gave 20.8 %.
FIRST_SCALE = 60.0
MIN_LENGTH = 1e-4  # of a pixel vector; below it the cosine shrinks to 0


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """Settings of a head; ``linear`` reads only ``kind``.

    ``hidden``: width of the ``blocks`` transformer blocks, a multiple of ``head_width``;
    ``beta``: how sharply the scene token picks descriptors, see ``collapse``;
    ``text_adapter``: add a small residual MLP, shared by all classes, to the class vectors.
    """

    kind: str = "dense"
    hidden: int = 256
    blocks: int = 2
    head_width: int = 64
    beta: float = 4.0
    text_adapter: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"head kind {self.kind!r}: wanted one of {', '.join(KINDS)}")
        if self.head_width < 1:
            raise UsageError(f"head: wanted head_width 1 or more, got {self.head_width}")
        if self.hidden < 1 or self.hidden % self.head_width or self.blocks < 0 or self.beta < 0:
            raise UsageError(
                f"head: wanted hidden a multiple of {self.head_width}, blocks and beta not "
                f"negative; got hidden={self.hidden}, blocks={self.blocks}, beta={self.beta}"
            )


@dataclass(frozen=True, kw_only=True)
class HeadOutput:
    """What a head says about a batch; ``None`` where a head has no such thing.

    ``logits`` [B, C, h4, w4] float32 cover ``padded`` (height, width in pixels);
    ``aux`` four [B, C, h, w], one per tap, only when asked for, and ``alpha`` [4], summing to 1,
    the weights of the taps (Eq. 8); ``presence`` [B, C] and ``scene_logits`` [B, S] speak of the
    image as a whole; ``scenes`` [B, S] is the p(s|g) that the collapse used; ``g`` [B, D] the
    unit scene token; ``classes`` [B, C, D] unit class vectors; ``pixels`` [B, e, h4, w4] are
    decoded features that ``to_text`` brings to the text width D.
    """

    logits: Tensor
    padded: tuple[int, int]
    aux: tuple[Tensor, ...] = ()
    alpha: Tensor | None = None
    presence: Tensor | None = None
    scene_logits: Tensor | None = None
    scenes: Tensor | None = None
    g: Tensor | None = None
    classes: Tensor | None = None
    pixels: Tensor | None = None
    to_text: nn.Linear | None = None


class DenseHead(nn.Module):
    """Taps -> weighted sum -> transformer blocks -> stride 4 -> cosine with the class vectors."""

    def __init__(self, config: HeadConfig, *, width: int, patch: int, text_width: int) -> None:
        super().__init__()
        self.beta = config.beta
        taps = len(TAP_DEPTHS)
        self.taps = nn.ModuleList(TapMLP(width) for _ in range(taps))
        self.alpha = nn.Parameter(torch.zeros(taps))
        self.enter = nn.Linear(width, config.hidden)
        heads = config.hidden // config.head_width
        self.blocks = nn.ModuleList(
            Block(config.hidden, heads, qkv_bias=True) for _ in range(config.blocks)
        )
        self.up = Upsampler(config.hidden, patch)
        self.to_text = nn.Linear(self.up.width, text_width)
        self.to_scene = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, text_width))
        self.text_to_taps = nn.Linear(text_width, width)
        self.adapter = ResidualMLP(text_width) if config.text_adapter else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.log_scene_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.presence = nn.Parameter(torch.tensor([0.25, -2.0]))  # slope and offset
        self.blocks.apply(_init_linear)

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Args: known: [B] scene indices, -1 for unknown; aux: also give logits for each tap."""
        maps = [tap(x) for tap, x in zip(self.taps, features.taps, strict=True)]  # [B, h, w, d]
        alpha = self.alpha.softmax(dim=0)
        fused = torch.stack([a * x for a, x in zip(alpha, maps, strict=True)]).sum(dim=0)
        decoded = self._decode(fused, features.padded)
        with torch.autocast(decoded.device.type, enabled=False):  # cosines need more than 8 bits
            pixels = decoded.float()
            g = F.normalize(self.to_scene(features.cls), dim=-1)
            scene_logits = _scale(self.log_scene_scale) * g @ bank.scene.T
            scenes = scene_probabilities(scene_logits, known)
            classes = self._adapt(collapse(bank, g, scenes, self.beta))
            logits = _scale(self.log_scale) * projected_cosines(pixels, self.to_text, classes)
            return HeadOutput(
                logits=logits,
                padded=features.padded,
                aux=self._tap_logits(maps, classes) if aux else (),
                alpha=alpha,
                presence=self._presence(logits),
                scene_logits=scene_logits,
                scenes=scenes,
                g=g,
                classes=classes,
                pixels=pixels.permute(0, 3, 1, 2),
                to_text=self.to_text,
            )

    def _decode(self, fused: Tensor, padded: tuple[int, int]) -> Tensor:
        """[B, h, w, d] at patch stride -> [B, h4, w4, narrower] at stride 4."""
        b, h, w, _ = fused.shape
        tokens = self.enter(fused).flatten(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        decoded: Tensor = self.up(tokens.view(b, h, w, -1), stride_4(padded))
        return decoded

    def _adapt(self, classes: Tensor) -> Tensor:
        return classes if self.adapter is None else F.normalize(self.adapter(classes), dim=-1)

    def _tap_logits(self, maps: list[Tensor], classes: Tensor) -> tuple[Tensor, ...]:
        """Cosines in the taps' width d: bringing C class vectors there is cheaper than h x w."""
        near = F.normalize(self.text_to_taps(classes), dim=-1)
        scale = _scale(self.log_scale)
        return tuple(scale * cosines(F.normalize(x.float(), dim=-1), near) for x in maps)

    def _presence(self, logits: Tensor) -> Tensor:
        """Is a class anywhere in the image: a smooth maximum of its map, as in MIL pooling."""
        pooled = logits.flatten(2).logsumexp(dim=2) - math.log(logits[0, 0].numel())
        return self.presence[0] * pooled + self.presence[1]


class LinearHead(nn.Module):
    """The linear probe of DINOv2 and DINOv3: BatchNorm and a 1x1 convolution, last tap only."""

    def __init__(self, *, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.classify = nn.Conv2d(width, classes, kernel_size=1)

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Reads neither the bank nor the scene; they are arguments so that heads are alike."""
        logits = self.classify(self.norm(features.taps[-1])).float()
        return HeadOutput(
            logits=_resize(logits, stride_4(features.padded)),
            padded=features.padded,
        )


Head = DenseHead | LinearHead


def build_head(
    config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int, seed: int = 0
) -> Head:
    """A head with fresh weights, the same for the same seed.

    Args: width: d; patch: pixels; text_width: D; classes: C, used by ``linear`` only.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if config.kind == "linear":
            return LinearHead(width=width, classes=classes)
        return DenseHead(config, width=width, patch=patch, text_width=text_width)


def cosines(pixels: Tensor, classes: Tensor) -> Tensor:
    """Unit [B, h, w, D] and [B, C, D] -> [B, C, h, w]; classes last in memory, for the softmax."""
    b, h, w, _ = pixels.shape
    return torch.bmm(pixels.flatten(1, 2), classes.mT).view(b, h, w, -1).permute(0, 3, 1, 2)


def projected_cosines(pixels: Tensor, to_text: nn.Linear, classes: Tensor) -> Tensor:
    """Cosines of ``to_text(pixels)`` with the classes, without ever making it.

    With y = W x + b: <y, t> = <x, W't> + <b, t> and |y|^2 = x'W'W x + 2 <W'b, x> + <b, b>, so all
    work per pixel is in the width e of x; the text width D may be ten times that.

    Args: pixels: [B, h, w, e]; classes: [B, C, D] unit rows. Returns: [B, C, h, w].
    """
    weight, bias = to_text.weight, to_text.bias
    b, h, w, _ = pixels.shape
    x = pixels.flatten(1, 2)
    dots = torch.baddbmm((classes @ bias).unsqueeze(1), x, (classes @ weight).mT)
    squares = ((x @ (weight.mT @ weight) + 2 * (bias @ weight)) * x).sum(dim=-1) + bias @ bias
    lengths = squares.clamp_min(MIN_LENGTH**2).sqrt().unsqueeze(-1)
    return (dots / lengths).view(b, h, w, -1).permute(0, 3, 1, 2)


class ResidualMLP(nn.Module):
    """x + MLP(x) over the last dimension, width -> width / 2 -> width; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = nn.Linear(width, width // 2)
        self.grow = nn.Linear(width // 2, width)
        nn.init.zeros_(self.grow.weight)
        nn.init.zeros_(self.grow.bias)

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.grow(F.gelu(self.shrink(x)))
        return x + grown


class TapMLP(nn.Module):
    """One tap [B, d, h, w], normalised, through a residual MLP: [B, h, w, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = ResidualMLP(width)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mlp(self.norm(x.permute(0, 2, 3, 1)))
        return mixed


class Upsampler(nn.Module):
    """Patch stride -> stride 4: x2 stages as in EoMT, then a resize where 4 does not divide."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for _ in range(max(0, int(math.log2(patch / STRIDE)))):
            narrow = max(MIN_UP_WIDTH, width // 2)
            self.stages.append(_double(width, narrow))
            width = narrow
        self.width = width

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """[B, h, w, hidden] -> [B, *size, width]"""
        x = x.permute(0, 3, 1, 2)
        for stage in self.stages:
            x = stage(x)
        return _resize(x, size).permute(0, 2, 3, 1)


def _double(width: int, narrow: int) -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(width, narrow, kernel_size=2, stride=2),
        nn.GELU(),
        nn.Conv2d(narrow, narrow, kernel_size=3, padding=1, groups=narrow, bias=False),
        LayerNorm2d(narrow),
    )


def stride_4(padded: tuple[int, int]) -> tuple[int, int]:
    """(h4, w4) of a padded image; rounded where patches of 14 make 4 not divide it."""
    return round(padded[0] / STRIDE), round(padded[1] / STRIDE)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def _scale(log_scale: Tensor) -> Tensor:
    return log_scale.clamp(max=math.log(MAX_SCALE)).exp()


def _init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
