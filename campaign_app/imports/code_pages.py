"""Which code page bytes are written in that are not Unicode: a guess from names."""

# ruff: noqa: RUF001 - letters of many alphabets are what this file is about

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_SAMPLE = 16 * 1024
_EAST_ASIAN = ["cp932", "gb18030", "big5", "cp949"]
_LETTERS = re.compile(r"[^\W\d_]+")
_HIGH_WORD = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_LATIN_9 = re.compile(
    rb"(?<=\d)[ \xa0]?\xa4(?![A-Za-z\x80-\xff])|(?<![\x80-\xff])\xa4[ \xa0]?(?=\d)"
    rb"|(?<=[A-Za-z])\xbd(?=[A-Za-z])|(?<=[a-z])[\xa8\xb8](?=[a-z])"
)
"""The euro, œ, š and ž where only ISO 8859-15 has them: to Windows, they are 5 ¤ and c½ur."""
_SYMBOL = re.compile(rb"(?<![A-Za-z\x80-\xff])[\xa3\xa5\xa7\xa9\xae\xbc-\xbe](?![A-Za-z\x80-\xff])")
"""£ ¥ § © ® ¼ ½ ¾, standing apart from words: letters to others, who write none alone."""
_WINDOWS_ONLY = re.compile(rb"[\x80-\x9f]")
"""Control characters to ISO 8859, and curly quotes or a euro to Windows."""
_JAPANESE = (
    "山田木村本中小高藤佐川井子美郎太一野大東京都府県市区町丁目"
    "島松原和斎渡辺加林清水吉橋恵真会社株式名前氏"
)
_KANA = "".join(map(chr, range(0x3041, 0x30FD)))
_CHARACTERS: dict[str, frozenset[str]] = {
    "cp932": frozenset(_JAPANESE + _KANA),
    "euc_jp": frozenset(_JAPANESE + _KANA),
    "gb18030": frozenset(
        "王李张刘陈杨赵黄周吴徐孙胡朱林何郭马罗梁宋郑北京上海广州深圳省市区路号公司有限明华伟芳邮箱姓名"
    ),
    "big5": frozenset(
        "王李張劉陳楊趙黃周吳徐孫胡朱林何郭馬羅梁宋鄭許台北高雄新竹中南市區路號公司有限明華美電子郵件姓名"
    ),
    "cp949": frozenset(
        "김이박최정강조윤장임한오서신권황안송민수지현영은진성우재준미경희주동철서울부산대구인천광주시도로이메일름"
    ),
}
"""What most surnames, places and headers are written with, in what pairs bytes."""

_WESTERN = "àáâãäåæçèéêëìíîïñòóôöøùúûüßœ"
_CENTRAL = "áâäąćčçďéęëěíîľłńňóôöőřśšşťúůüűýźžżß"
_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
_THAI = "".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E40, 0x0E4F))))
_ALPHABETS: dict[str, tuple[str, str]] = {
    "cp1252": (_WESTERN, "ðõýþÿ"),
    "cp1250": (_CENTRAL, "ăđţ"),
    "cp1254": ("âçğîıöşûüé", ""),
    "cp1257": ("āąäčēęėģīįķļņōõöšūųüž", "é"),
    "mac_roman": (_WESTERN, ""),
    "cp850": (_WESTERN, ""),
    "iso8859_2": (_CENTRAL, "ăđţ"),
    "cp1251": (_RUSSIAN, "іїєґўјљњћџђ"),
    "koi8_r": (_RUSSIAN, ""),
    "koi8_u": (_RUSSIAN, "іїєґ"),
    "cp866": (_RUSSIAN, "єїў"),
    "iso8859_5": (_RUSSIAN, "іїєўјљњћџђ"),
    "cp1253": (_GREEK, ""),
    "iso8859_7": (_GREEK, ""),
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת", ""),
    "cp1256": ("ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيپچژگ", ""),
    "cp874": (_THAI, ""),
}
"""Letters that are common, and rare, in what each code page writes. The first of equals wins."""
_LATIN = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850", "iso8859_2"})
_CASED_OTHERS = frozenset(
    {"cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "cp1253", "iso8859_7"}
)
_PUNCTUATION = frozenset("\u00a0‘’“”„–—…«»€°´№")


def code_page_of(data: bytes) -> str:
    """Guess the code page of bytes that are not UTF-8.

    A list of names is too short for statistics of language (charset-normalizer has taken cp1252
    for mac_latin2), so each code page is judged by whether it turns the words with high bytes into
    letters that stand where such letters may. What no alphabet explains is East Asian.
    """
    plain = _LATIN_9.sub(b"", data)
    guess = _guess(plain)
    if guess == "cp1252" and len(plain) < len(data) and not _WINDOWS_ONLY.search(data):
        return "iso8859_15"
    return guess


def _guess(data: bytes) -> str:
    words = [word for word in _WORD.findall(_SYMBOL.sub(b"", data)) if not word.isascii()]
    step = 1 + sum(map(len, words)) // _SAMPLE  # from everywhere, not from the beginning alone
    sample = b"\n".join(words[::step])[:_SAMPLE]
    if _only_punctuation(sample.decode("cp1252", "replace")):
        return "cp1252"
    if paired := _by_characters(high_lines(data)[:_SAMPLE]):
        return paired
    if _is_gb2312(sample):
        return "gb18030"
    names = [name for name in _ALPHABETS if name not in _LATIN or not _mostly_high(words)]
    scores = {name: _score(sample.decode(name, "replace"), name) for name in names}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0.7:
        return best
    found = from_bytes(high_lines(data)[:_SAMPLE], cp_isolation=_EAST_ASIAN).best()
    return found.encoding if found else "cp1252"


def reads_as(name: str, data: bytes) -> bool:
    """Whether the bytes make words in a Latin code page, or nothing but punctuation."""
    text = b"\n".join(word for word in _WORD.findall(data) if not word.isascii())[:_SAMPLE]
    decoded = text.decode(name, "replace")
    return _only_punctuation(decoded) or _score(decoded, name) > 0.7


def high_lines(data: bytes) -> bytes:
    """The lines that say something about the encoding: those that are not ASCII."""
    return b"\n".join(line for line in data.splitlines() if not line.isascii())


def _by_characters(lines: bytes) -> str:
    """The encoding in which a quarter of all characters are well-known ones, or "".

    Chinese, Japanese and Korean pair nearly the same bytes: which makes names of them is the one.
    """
    shares = {name: _share_known(lines, name) for name in _CHARACTERS}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= 0.25 else ""


def _share_known(lines: bytes, encoding: str) -> float:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(lines)  # its end may be cut
    except UnicodeDecodeError:
        return 0
    characters = [char for char in text if char > "\x7f"]
    known = sum(char in _CHARACTERS[encoding] for char in characters)
    return known / len(characters) if known >= 4 else 0


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


def _score(text: str, encoding: str) -> float:
    """The share, 0 to 1, of non-ASCII characters that are this alphabet's letters, well placed."""
    common, rare = _ALPHABETS[encoding]
    misplaced = _misplaced_latin if encoding in _LATIN else _misplaced_other
    if encoding == "cp874":
        misplaced = _misplaced_thai
    good = total = 0.0
    for before, char, after in zip("\n" + text, text, text[1:] + "\n", strict=False):
        if char <= "\x7f" or (char in _PUNCTUATION and not _inside_word(before, char, after)):
            continue
        total += 1
        letter = "ı" if char == "İ" else char.lower()
        if not misplaced(before, char, after):
            is_common = letter in common or (letter == "õ" and after in "eE")
            good += 1 if is_common else 0.9 if letter in rare else 0
    share = good / total if total else 0
    if encoding == "cp874":
        return 0.85 * share if share > 0.95 else 0
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
    return char not in "’´" and before.isalpha() and after.isalpha()


def _misplaced_latin(before: str, char: str, after: str) -> bool:
    """A capital after a small letter, or inside a small word; ő before e is Portuguese õ."""
    if char in "őŐ" and after in "eE":
        return True
    return char.isupper() and (before.islower() or (before.isupper() and after.islower()))


def _misplaced_other(before: str, char: str, after: str) -> bool:
    """A letter that touches a Latin one, or a capital after a small letter."""
    touches_latin = any(side.isascii() and side.isalpha() for side in (before, after))
    return touches_latin or (char.isupper() and before.islower())


def _misplaced_thai(before: str, char: str, after: str) -> bool:
    """A mark that stands over no letter, or a vowel that must come before one and does not.

    Chinese and Korean, read as Thai, are letters of Thai in no order.
    """
    if "เ" <= char <= "ไ":
        return not "ก" <= after <= "ฮ"
    return char > "ฯ" and not "ก" <= before <= "๎"
