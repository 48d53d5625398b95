"""Which code page a few names are in."""
# ruff: noqa: RUF001

from __future__ import annotations

import time

import pytest

from campaign_app.imports.code_pages import code_page_of
from campaign_app.imports.encodings import CHOICES

NAMES = {
    "iso8859_15": ["Müller;12,50 €\nJörg;5 €", "5 €", "€ 30", "cœur;Orléans", "vašek;Mäkelä"],
    "cp1252": [
        "L´Oréal",
        "d´Arc;Müller;1½ kg;½",
        "Müller;Jörg\nFrançois;Béla",
        "André",
        "José Núñez;Peña",
        "Søren;Åse",
        "5 € – “a”",
        "João Simões;Ana Gonçalves",
        "Simões;Gonçalves",
        "CAMÕES;SIMÕES",
        "Guðrún;Þórður;Sigríður",
        "50 £ voucher;½ price;© Müller",
    ],
    "mac_roman": ["François;Béla\nMüller", "José Núñez;Peña"],
    "cp850": ["Müller;Jörg;Käthe"],
    "cp1250": [
        "Wałęsa;Łukasz;Świętosław\nŻółć",
        "Novák;Dvořák;Jiří;Žofie",
        "Győző;Erzsébet;Szűcs",
    ],
    "iso8859_2": ["Jiří;Dvořák;Žofie;Šťastná", "Świętosław;Wałęsa"],
    "cp1251": [
        "Пушкин;Анна;Вера;Юрий",
        "МОСКВА;АННА;ВЕРА;ЮРИЙ",
        "Иванов;Пётр\nСмирнова;Анна",
        "Шевченко;Олена",
    ],
    "koi8_r": ["Пушкин;Анна;Вера;Юрий", "Иванов;Пётр\nСмирнова;Анна"],
    "koi8_u": ["Шевченко;Олена;Київ;Львів;Євген"],
    "cp866": ["Пушкин;Анна;Вера", "Иванов;Пётр\nСмирнова;Анна", "МОСКВА;АННА"],
    "iso8859_5": ["Пушкин;Анна;Вера", "Иванов;Пётр\nСмирнова;Анна", "МОСКВА;АННА;ВЕРА"],
    "cp1253": ["Παπαδάκης;Γιώργος", "Άννα;Έλλη;Παπαδόπουλος"],
    "iso8859_7": ["Γιώργος Παπαδάκης;Άννα", "Άγγελος;Έλλη"],
    "cp1255": ["דוד כהן;שרה לוי"],
    "cp874": ["ชื่อ\nสมชาย ใจดี\nสมหญิง", "กรุงเทพมหานคร;เชียงใหม่"],
    "big5": ["王小明;台北市\n李美華;高雄市", "姓名,電子郵件\n張雅婷\n林俊傑"],
    "cp1257": ["Šarūnas;Žemaitė;Jankauskienė", "Jānis Bērziņš;Ķēniņš", "Ąžuolas;Čiurlionis"],
    "cp1254": ["Yılmaz;Şahin;Çağlar\nGökçe;İstanbul"],
    "cp1256": ["محمد;أحمد\nالقاهرة"],
    "cp932": ["山田;太郎\n東京都;鈴木一郎", "氏名,メール\n佐藤花子"],
    "euc_jp": [
        "メール,名前\n田中花子",
        "山田;太郎\n佐藤;花子",
        "会社名\n株式会社アクメ",
        "斎藤 さくら",
    ],
    "gb18030": ["王小明;北京\n李华;上海", "邮箱,姓名\n张伟\n王芳", "陈静;广州\n刘洋;深圳"],
    "cp949": ["이메일,이름\n김철수\n이영희", "김철수;서울\n이영희;부산"],
}


@pytest.mark.parametrize(
    ("encoding", "text"), [(name, text) for name, texts in NAMES.items() for text in texts]
)
def test_short_lists_of_names_reveal_their_code_page(encoding, text):
    assert code_page_of(text.encode(encoding)) == encoding
    assert encoding in CHOICES


def test_long_words_do_not_slow_the_guess():
    long_words = ("x" * 5_000 + ";Müller\n").encode("cp1252") * 300
    begun = time.process_time()
    assert code_page_of(long_words) == "cp1252"
    assert time.process_time() - begun < 2
