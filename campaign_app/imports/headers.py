"""What the names of columns mean, in the languages our users' spreadsheets are written in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def plain(header: str) -> str:
    """A header without case, accents, spaces and signs: `E-Mail Adresse*` is `emailadresse`."""
    letters = unicodedata.normalize("NFKD", header.casefold())
    return re.sub(r"[\W_]+", "", "".join(c for c in letters if not unicodedata.combining(c)))


def _names(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in words.split())


EMAIL_NAMES = _names(
    """
    email emailaddress emailid mail mailaddress emailadresse mailadresse adressemail
    adresseemail adressedemail courriel adressecourriel adresseelectronique correo
    correoelectronico direcciondecorreo direccionemail direccioncorreoelectronico emailadres
    mailadres epost epostadress epostadresse epostadr sahkoposti sahkopostiosoite eposta
    epostaadresi adresemail adresaemail emailcim posta postaelettronica indirizzoemail
    indirizzomail enderecodeemail enderecoemail correioeletronico adresadeemail emailova
    adresa emailadresa elpasts epasts elpastas netfang email1value email1 primaryemail
    workemail businessemail contactemail customeremail useremail subscriberemail
    recipientemail recipient privatemail emailprivat emailgeschaftlich электроннаяпочта эпочта
    почта емейл имейл адресэлектроннойпочты електроннапошта пошта имеил ηλεκτρονικοταχυδρομειο
    メール メールアドレス eメール 電子メール 邮箱 邮件 电子邮件 电子邮箱 邮箱地址
    電子郵件 電郵 信箱 이메일 이메일주소 메일 ईमेल ईमेलपता
    البريدالالكتروني البريد بريدالكتروني ایمیل אימייל דואל דואראלקטרוני อีเมล อีเมล์ thudientu
    """
)
FIRST_NAMES = _names(
    """
    firstname first givenname forename vorname rufname prenom prenoms nombre nombres
    nombredepila primeiro primeironome voornaam roepnaam fornamn fornavn etunimi imie jmeno
    krestnijmeno keresztnev utonev prenume ad adi onoma имя імя 名 名前名 givennames 이름 名字
    الاسمالاول שםפרטי first_name fname
    """
)
LAST_NAMES = _names(
    """
    lastname last surname familyname nachname familienname zuname nomdefamille apellido
    apellidos primerapellido cognome sobrenome apelido ultimonome achternaam efternamn
    etternavn efternavn sukunimi nazwisko prijmeni vezeteknev csaladnev numedefamilie soyad
    soyadi soyisim eponymo фамилия прізвище 姓 성 姓氏 اسمالعائلة שםמשפחה lname
    """
)
FULL_NAMES = _names(
    """
    name fullname displayname contactname contact customername clientname recipientname person
    vollername vorundnachname vornamenachname vornameundnachname kontakt ansprechpartner
    nomcomplet nometprenom prenometnom nomprenom prenomnom nombrecompleto nombreyapellidos
    nombreyapellido nomecompleto nomeecognome nominativo naam volledigenaam namn navn nimi
    imieinazwisko jmenoaprijmeni celejmeno nev teljesnev numecomplet numesiprenume adsoyad
    adisoyadi isim фио имяифамилия полноеимя піб ονοματεπωνυμο 氏名 お名前 名前 姓名 全名 성명 नाम
    الاسم
    الاسمالكامل שםמלא שם ชื่อ hoten hovaten
    """
)
AMBIGUOUS = _names("nom nume nome")
HALF_NAMES = AMBIGUOUS | _names("name naam namn navn nimi nev isim имя")
"""A whole name when alone; beside a first name the surname (`nom`, `prénom`), and the reverse."""

_KNOWN_OTHERS = _names(
    """
    id nr no number company firma entreprise empresa azienda city ort stadt ville ciudad citta
    country land pays pais phone telefon telephone mobile plz zip postcode postalcode street
    address adresse strasse date datum title anrede gender language sprache status group tags
    notes source created birthday geburtsdatum город телефон компания
    """
)


_EVERY_NAME = EMAIL_NAMES | FIRST_NAMES | LAST_NAMES | FULL_NAMES | AMBIGUOUS | _KNOWN_OTHERS


def looks_like_header(row: Sequence[str]) -> bool:
    """Whether a row holds the name of a column that lists of people usually have."""
    names = [plain(cell) for cell in row if len(cell) <= 60]
    known = sum(name in _EVERY_NAME for name in names)
    return any(name in EMAIL_NAMES for name in names) or known >= 2


def distinct(header: Sequence[str], width: int) -> list[str]:
    """One clear name per column: empty ones become `Column 3`, repeated ones `City 2`."""
    names: list[str] = []
    taken: set[str] = set()
    for number in range(1, width + 1):
        cell = header[number - 1] if number <= len(header) else ""
        base = " ".join(cell.split())[:100] or f"Column {number}"
        name, copy = base, 2
        while name.casefold() in taken:
            name, copy = f"{base} {copy}", copy + 1
        taken.add(name.casefold())
        names.append(name)
    return names


_LIKE_ASCII = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"}  # noqa: RUF001
)


def attribute_key(name: str) -> str:
    """The merge field of a column: small ASCII letters, digits and `_`, a letter first.

    `Données client` becomes `donnees_client`; a name without Latin letters becomes "".
    """
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_LIKE_ASCII))
    key = re.sub(r"[^a-z0-9]+", "_", "".join(c for c in letters if not unicodedata.combining(c)))
    return key.lstrip("_0123456789")[:60].rstrip("_")
