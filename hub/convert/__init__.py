"""Convert published systems' files to variants and back.

conversion = convert(Path("sd15_base.pth"), Path("mulan/sd15"), what="mulan", languages=("mul",))
export(Path("mulan/sd15"), what="mulan")
"""

from hub.convert.export_file import export
from hub.convert.import_file import Conversion, convert

__all__ = ["Conversion", "convert", "export"]
