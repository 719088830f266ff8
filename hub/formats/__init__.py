"""Published systems' own files: one file per format, into our variant layout and back.

conversion = convert(Path("sd15_base.pth"), Path("mulan/sd15"), what="mulan", languages=("mul",))
export(Path("mulan/sd15"), what="mulan")
"""

from hub.formats.converting import Conversion, convert
from hub.formats.exporting import export
from hub.formats.reading import read_contents
from hub.formats.table import FORMATS, format_named, recognise

__all__ = ["FORMATS", "Conversion", "convert", "export", "format_named", "read_contents", "recognise"]
