"""Small random video bases."""

from tests.builders.models.bases.small import Small
from tests.builders.models.bases.video import cosmos, hunyuan, kin_of_wan, ltx, others, t5

SMALL: dict[str, Small] = {
    **t5.SMALL, **ltx.SMALL, **hunyuan.SMALL, **kin_of_wan.SMALL, **cosmos.SMALL, **others.SMALL
}  # fmt: skip
