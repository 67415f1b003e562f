"""A reply that is not the English that was asked for is turned down, and no English one is."""

import json
from importlib.resources import files as package_files
from pathlib import Path

import pytest

from langseg.descriptors.phrases.language import is_other_language, is_other_script
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.prompt import Prompt, read_prompt
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.providers.bundled import load_pack
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ENGLISH = (
    "long flat board", "brown grained surface", "two angle brackets", "rows of book spines",
    "thin pale edge", "fixed at eye level", "dark gaps between tiers", "as wide as a table",
)  # fmt: skip
OTHERS = {
    "German": (
        "breite flache Holzplatte mit vier Beinen", "glatte weiße Oberfläche",
        "steht auf dem Boden", "rechteckige Form mit Kanten", "braun oder dunkelgrau",
        "aus Metall und Glas", "neben einer Wand", "dünne gerade Kante",
    ),
    "French": (
        "planche plate et longue", "surface lisse de couleur claire", "bords arrondis en bois",
        "contre le mur avec des vis", "livres dans une pile", "sur le sol", "motif simple",
        "plus large que haut",
    ),
    "Spanish": (
        "tabla larga y plana", "superficie lisa de color claro", "bordes con curvas",
        "apoyado en el suelo", "filas de libros con lomos", "patas de metal", "sin adornos",
        "más ancho que alto",
    ),
    "Italian": (
        "tavola lunga e piatta", "superficie liscia di colore chiaro", "bordi senza spigoli",
        "appoggiato sul pavimento", "libri con dorsi", "gambe di metallo", "forma della base",
        "più largo che alto",
    ),
    "Portuguese": (
        "prancha longa e plana", "superfície lisa com cor clara", "bordas sem cantos",
        "apoiado em uma parede", "fileiras de livros", "pernas de metal", "forma simples",
        "mais largo que alto",
    ),
    "Dutch": (
        "lange vlakke plank", "glad oppervlak in een lichte kleur", "ronde randen",
        "staat op de vloer", "rijen boeken", "poten aan het blad", "een rechthoek", "zwart",
    ),
    "Polish": (
        "długa płaska deska", "gładka powierzchnia", "zaokrąglone krawędzie", "stoi na podłodze",
        "rzędy książek", "cztery nogi", "prostokątny kształt", "szerszy niż wyższy",
    ),
    "Turkish": (
        "uzun düz tahta", "pürüzsüz yüzey", "yuvarlak köşeler", "yerde duran ayaklı",
        "kitap sıraları", "dört ince bacak", "dikdörtgen şekil", "açık kahverengi",
    ),
    "Russian": ("длинная плоская доска", "гладкая поверхность", "четыре ножки", "светлый край") * 2,
    "Greek": ("μακριά επίπεδη σανίδα", "λεία επιφάνεια", "τέσσερα πόδια", "λεπτή άκρη") * 2,
    "Chinese": ("长而平的木板", "光滑的表面", "四条细腿", "浅色的边缘") * 2,
    "Hindi": ("लंबा सपाट तख़्ता", "चिकनी सतह", "चार पतले पैर", "हल्का किनारा") * 2,
    "Arabic": ("لوح طويل مسطح", "سطح أملس", "أربع أرجل رفيعة", "حافة فاتحة") * 2,
}  # fmt: skip


def parsed(texts: tuple[str, ...], prompt: Prompt | None = None, **entry: str) -> ParsedReply:
    shelf = ClassEntry(**{"name": "shelf", "id": 1, **entry})  # type: ignore[arg-type]
    vocabulary = Vocabulary(name="v", classes=(shelf,), ignore_ids=(), scenes={})
    plan = describe_requests(vocabulary, prompt or some_prompt(n_per_subclass=1), "m", {})
    attributes = [{"slot": "shape", "text": text} for text in texts]
    kind = {"name": "низкая полка", "parent": shelf.name, "descriptors": attributes[:1]}
    reply = {"attributes": attributes, "subclasses": [kind]}
    return parse_reply(json.dumps(reply), next(iter(plan)))


@pytest.mark.slow
def test_phrases_that_ship__are_english_group_by_group():
    folder = package_files("langseg.descriptors").joinpath("packs")
    groups = [
        [text for _, text in phrases]
        for file in folder.iterdir()
        for entry in load_pack(file).entries.values()
        for phrases in (entry.attributes, *entry.subclasses.values(), *entry.scenes.values())
    ]
    assert len(groups) > 900
    assert [group for group in groups if is_other_language(group)] == []
    assert [text for group in groups for text in group if is_other_script(text)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_reply_in_another_language__is_invalid_and_says_why(language: str):
    answer = parsed(OTHERS[language])
    assert (answer.status, answer.rows) == ("invalid", ())
    assert "0 of 8 phrases accepted" in answer.error
    assert "not_english" in answer.error


@pytest.mark.parametrize(
    "text",
    ["naïve façade décor", "π-shaped gate posts", "fleur de lis along the top", "art déco trim",
     "un-cut aux inputs", "sans serif lettering", "con trails above", "Y-shaped legs of iron"],
)  # fmt: skip
def test_english_phrase__may_hold_a_word_from_elsewhere(text: str):
    answer = parsed((*ENGLISH[:7], text))
    assert answer.rows[7].rejected == ""


@pytest.mark.parametrize(
    "text", ["lоng flat tier", "длинная flat tier", "长 flat 木板 tier", "Ж Ж tier"]
)
def test_phrase_in_another_script__is_dropped_also_where_a_letter_is_in_disguise(text: str):
    answer = parsed((*ENGLISH[:7], text))
    assert answer.rows[7].rejected == "not_english"


def test_name_of_a_subclass_in_another_script__is_dropped_with_its_phrases():
    assert [row.rejected for row in parsed(ENGLISH).rows[8:]] == ["not_english"] * 2


def test_name_of_a_subclass__may_be_in_the_script_of_its_class():
    assert parsed(ENGLISH, name="полка").rows[8].rejected == ""


def test_prompt_of_a_person__that_does_not_ask_for_english_may_be_answered_in_any(tmp_path: Path):
    file = tmp_path / "deutsch.jinja"
    file.write_text(
        "{% block system %}Beschreibe kurz, als JSON.{% endblock %}"
        "{% block user %}Szene: {{ scene | json }}{% endblock %}"
    )
    counts = {"n_attributes": 8, "n_subclasses": 1, "n_per_subclass": 1, "n_scene_attributes": 3}
    prompt = read_prompt(file, **counts)
    for language in ("German", "French", "Polish"):
        assert parsed(OTHERS[language], prompt).status == "ok"
