"""Which encoding a text file is written in."""

# ruff: noqa: RUF001 - letters of many alphabets are what this file is about

from __future__ import annotations

import codecs
import re
from pathlib import Path

from charset_normalizer import from_bytes

CHOICES: dict[str, str] = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16-le": "Unicode (UTF-16)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "cp1252": "Western European (Windows)",
    "mac_roman": "Western European (Mac)",
    "cp850": "Western European (DOS)",
    "cp1250": "Central European (Windows)",
    "iso8859_2": "Central European (ISO 8859-2)",
    "cp1251": "Cyrillic (Windows)",
    "koi8_r": "Cyrillic (KOI8-R)",
    "cp1253": "Greek (Windows)",
    "cp1254": "Turkish (Windows)",
    "cp1255": "Hebrew (Windows)",
    "cp1256": "Arabic (Windows)",
    "cp1257": "Baltic (Windows)",
    "cp932": "Japanese (Shift JIS)",
    "euc_jp": "Japanese (EUC)",
    "iso2022_jp": "Japanese (ISO 2022)",
    "gb18030": "Chinese (GB18030)",
    "big5": "Chinese (Big5)",
    "cp949": "Korean (Windows)",
}
"""What a person may choose from, and how it is called there."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLOCK = 1024 * 1024
_SAMPLE = 16 * 1024
_EAST_ASIAN = ["cp932", "gb18030", "big5", "cp949"]
_ISO_2022_JP = b"\x1b$B"
"""Begins its kanji; all its bytes are ASCII's."""
_LETTERS = re.compile(r"[^\W\d_]+")
_HIGH_WORD = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")

_WESTERN = "àáâãäåæçèéêëìíîïñòóôöøùúûüßœ"
_CENTRAL = "áâäąćčçďéęëěíîľłńňóôöőřśšşťúůüűýźžżß"
_ALPHABETS: dict[str, tuple[str, str]] = {
    "cp1252": (_WESTERN, "ðõýþÿ"),
    "cp1250": (_CENTRAL, "ăđţ"),
    "cp1254": ("âçğîıöşûüé", ""),
    "cp1257": ("āąäčćēęėģīįķļłńņóōõöśšūųüźžżé", ""),
    "mac_roman": (_WESTERN, ""),
    "cp850": (_WESTERN, ""),
    "iso8859_2": (_CENTRAL, "ăđţ"),
    "cp1251": ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґўјљњћџђ", ""),
    "koi8_r": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё", ""),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", ""),
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת", ""),
    "cp1256": ("ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيپچژگ", ""),
}
"""Letters that are common, and rare, in what each code page writes. The first of equals wins."""
_LATIN = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850", "iso8859_2"})
_CASED_OTHERS = frozenset({"cp1251", "koi8_r", "cp1253"})
_PUNCTUATION = frozenset("\u00a0‘’“”„–—…«»€°´№")


def encoding_of(path: Path) -> str:
    """Name the encoding: byte order mark, else strict UTF-8, else the likeliest code page.

    The whole file is checked, because the first accent of a list may stand in its last row.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    return utf16_of(head) or _utf8_or_code_page(path)


def utf16_of(head: bytes) -> str | None:
    """The UTF-16 of a text without a mark; None when it is no UTF-16.

    The Latin letters of its addresses have a zero each, on the side that names the order.
    """
    half = len(head) // 2
    if half == 0:
        return None
    first, second = head[0::2].count(0) / half, head[1::2].count(0) / half
    if second > 0.2 and first < 0.05:
        return "utf-16-le"
    if first > 0.2 and second < 0.05:
        return "utf-16-be"
    return None


def _utf8_or_code_page(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    block = b""
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
                if _ISO_2022_JP in block:
                    return "iso2022_jp"
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(max(file.tell() - 2 * _BLOCK, 0))
            around = file.read(3 * _BLOCK)
            return "utf-8" if _is_damaged_utf8(around) else code_page_of(block or around)
    return "utf-8"


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether a few bytes only keep it from being UTF-8: some programs cut a letter in two, and
    some people join files. In other code pages, hardly a letter happens to be right.
    """
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(char > "\x7f" for char in text) - bad
    return good >= max(2 * bad, 2)


def _mixed(error: UnicodeError) -> tuple[str, int]:
    """Within UTF-8, bytes that are none are most often Western European."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


MIXED = "carillon-mixed"
"""How to read UTF-8 with foreign bytes in it, as the `errors` of a decoder."""
codecs.register_error(MIXED, _mixed)


def code_page_of(data: bytes) -> str:
    """Guess the code page of bytes that are not UTF-8.

    A list of names is too short for statistics of language (charset-normalizer has taken cp1252
    for mac_latin2), so each code page is judged by whether it turns the words with high bytes into
    letters that stand where such letters may. What no alphabet explains is East Asian.
    """
    words = [word for word in _WORD.findall(data[: 2 * _BLOCK]) if not word.isascii()]
    sample = b"\n".join(words)[:_SAMPLE]
    if _only_punctuation(sample.decode("cp1252", "replace")):
        return "cp1252"
    if _is_gb2312(sample):
        return "gb18030"
    names = [name for name in _ALPHABETS if name not in _LATIN or not _mostly_high(words)]
    scores = {name: _score(sample.decode(name, "replace"), name) for name in names}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0.7:
        return best
    guess = from_bytes(_high_lines(data), cp_isolation=_EAST_ASIAN).best()
    return guess.encoding if guess else "cp1252"


def _is_gb2312(sample: bytes) -> bool:
    """Whether all words are pairs of bytes, nearly all of them common Chinese characters.

    Those have their own range, which the small letters of other alphabets lie above. What keeps to
    its first half may be Korean.
    """
    words = _HIGH_WORD.findall(sample)
    leads = b"".join(word[0::2] for word in words)
    common = sum(0xB0 <= lead <= 0xD7 for lead in leads)
    return (
        len(words) >= 4
        and all(len(word) % 2 == 0 for word in words)
        and common >= 0.9 * len(leads)
        and sum(lead > 0xC8 for lead in leads) >= 0.2 * len(leads)
    )


def _only_punctuation(text: str) -> bool:
    return all(char in _PUNCTUATION for char in text if char > "\x7f")


def _mostly_high(words: list[bytes]) -> bool:
    """Latin words have few accents each; Cyrillic and Chinese words are made of high bytes."""
    letters = b"".join(word for word in words[:2000] if len(word) > 1)
    return sum(byte > 0x7F for byte in letters) > 0.55 * len(letters)


def _high_lines(data: bytes) -> bytes:
    lines = (line for line in data.splitlines() if not line.isascii())
    return b"\n".join(lines)[:_SAMPLE]


def _score(text: str, encoding: str) -> float:
    """The share, 0 to 1, of non-ASCII characters that are this alphabet's letters, well placed."""
    common, rare = _ALPHABETS[encoding]
    misplaced = _misplaced_latin if encoding in _LATIN else _misplaced_other
    good = total = 0.0
    for before, char, after in zip("\n" + text, text, text[1:] + "\n", strict=False):
        if char <= "\x7f" or (char in _PUNCTUATION and not _inside_word(before, char, after)):
            continue
        total += 1
        letter = "ı" if char == "İ" else char.lower()
        if not misplaced(before, char, after):
            good += 1 if letter in common else 0.9 if letter in rare else 0
    share = good / total if total else 0
    return share * _casing(text) if encoding in _CASED_OTHERS else share


def _casing(text: str) -> float:
    """The share of words that are small, capitalised, or capitals.

    Chinese read as Cyrillic has capitals anywhere, Hebrew is all of one case; names that are really
    Cyrillic have capitals at their beginnings.
    """
    words: list[str] = [word for word in _LETTERS.findall(text) if not word.isascii()]
    fitting = sum(word.islower() or word.isupper() or word.istitle() for word in words)
    return (1.0 if _mixes_case(text) else 0.9) * fitting / max(len(words), 1)


def _mixes_case(text: str) -> bool:
    return text not in (text.lower(), text.upper())


def _inside_word(before: str, char: str, after: str) -> bool:
    return char != "’" and before.isalpha() and after.isalpha()


def _misplaced_latin(before: str, char: str, after: str) -> bool:
    """A capital after a small letter, or inside a small word; ő before e is Portuguese õ."""
    if char.isupper():
        return before.islower() or (before.isupper() and after.islower())
    return char == "ő" and after == "e"


def _misplaced_other(before: str, char: str, after: str) -> bool:
    """A letter that touches a Latin one, or a capital after a small letter."""
    touches_latin = any(side.isascii() and side.isalpha() for side in (before, after))
    return touches_latin or (char.isupper() and before.islower())
