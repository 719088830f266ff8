"""Convert published systems' files to variants and back.

conversion = convert(Path("sd15_base.pth"), Path("mulan/sd15"), what="mulan", languages=("mul",))
export(Path("mulan/sd15"), what="mulan")
"""

from hub.convert.export_file import export
from hub.convert.formats import FORMATS, format_named, recognise
from hub.convert.import_file import Conversion, convert
from hub.weights.untrusted import read_contents

__all__ = ["FORMATS", "Conversion", "convert", "export", "format_named", "read_contents", "recognise"]
