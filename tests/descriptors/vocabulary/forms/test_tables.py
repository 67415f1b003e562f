"""Class lists in tables are read by what their columns are called, or say what is lacking."""

from pathlib import Path

import pytest

from langseg.descriptors.vocabulary.load import load_vocabulary, vocabulary_of
from tests.support.class_lists import listed, names, refusal


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,sky\n2,stop sign\n",
        "Pixel Value, Class\n1, sky\n2, stop sign\n",
        "class_id;class_name\n1;sky\n2;stop sign\n",
        "Index\tLabel\n1\tsky\n2\tstop sign\n",
        "name,r,g,b,id\nsky,1,2,3,1\nstop sign,4,5,6,2\n",
        "id,category,color\n1.0,sky,#ff0000\n2.0,stop sign,#00ff00\n",
        "sep=;\r\nid;name\r\n1;sky\r\n2;stop sign\r\n",
        "Idx,Ratio,Train,Val,Stuff,Name\n1,0.1,9,8,1,sky\n2,0.1,9,8,0,stop sign\n",
        "1,sky\n2,stop sign\n",
        "sky,128,0,0\nstop sign,0,128,0\n",
        "LabelName,DisplayName\n/m/01bqvp,sky\n/m/02pv19,stop sign\n",
        "/m/01bqvp,sky\n/m/02pv19,stop sign\n",
    ],
)
def test_table__is_read_by_its_columns(text: str, tmp_path: Path):
    found = listed(tmp_path, text, "csv")
    assert [(e.id, e.name) for e in found.classes] == [(1, "sky"), (2, "stop sign")]


def test_table_in_a_txt__is_a_table(tmp_path: Path):
    found = listed(tmp_path, "Idx\tRatio\tTrain\tVal\tName\n5\t0.1\t9\t8\tdoor, double door\n")
    assert [(e.id, e.name, e.synonyms) for e in found.classes] == [(5, "door", ("double door",))]
    table = "| id | name |\n|---:|------|\n| 3 | sky |\n| 7 | road |\n"
    assert [(e.id, e.name) for e in listed(tmp_path, table).classes] == [(3, "sky"), (7, "road")]


def test_ade20ks_own_table__has_the_names_that_its_marks_tore_apart(shared_data: Path):
    found = vocabulary_of(shared_data / "ade20k_sample/objectInfo150.csv")
    shipped = load_vocabulary("ade20k")
    assert [(e.id, e.name, e.synonyms) for e in found.classes] == [
        (e.id, e.name, e.synonyms) for e in shipped.classes
    ]
    assert "chest of drawers" in names(found)


def test_cityscapes__has_the_train_ids_and_leaves_out_what_it_does_not_score(tmp_path: Path):
    found = listed(
        tmp_path,
        "name,id,trainId,category,catId,hasInstances,ignoreInEval,color\n"
        'road,7,0,flat,1,False,False,"(128, 64, 128)"\n'
        'ego vehicle,1,255,void,0,False,True,"(0,)"\n',
        "csv",
    )
    assert [(e.id, e.name) for e in found.classes] == [(0, "road")]
    assert found.ignore_ids == (255,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "filename,width,class,xmin\na.jpg,9,car,1\nb.jpg,9,car,2\n",
            "a table of pictures or boxes",
        ),
        ("class_name,text\ncar,four wheels\n", "langseg-desc import"),
        ("class,label\ncar,vehicle\n", "the columns 'class' and 'label'"),
        (",name\n0,sky\n1,road\n", "column 1 has no name; call it 'id'"),
        ("Unnamed: 0,name\n0,sky\n1,road\n", "column 1 has no name; call it 'id'"),
        ("name,count\nsky,3\nNaN,4\n", "row 3: 'NaN' is what a program writes for a missing value"),
        ("name\nsky\n#N/A\n", "row 3: '#N/A' is what a program writes"),
        ("person,43867\ncar,9838\n", "row 1: no column 'name'"),
        ("person,car,dog\n", "one line of 3 cells"),
        ("person\ncar\ndog\n", "row 1: no column 'name'"),
        ("foo,bar\nx,y\n", "row 1: no column 'name' among 'foo', 'bar'"),
        ("name,class_id\nsky,0\nsky,0\nroad,1\nroad,1\nsky,0\n", "write each class once"),
    ],
)
def test_table_that_is_no_class_list__is_refused(text: str, reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, text, "csv")


def test_ade20ks_rows__are_put_together_where_a_mark_stands_for_every_space(tmp_path: Path):
    rows = (
        "45,0.0019,549,46,0,chest;of;drawers;chest;bureau;dresser\n"
        "9,0.0198,4688,460,0,window;pane\n"
    )
    found = listed(tmp_path, "Idx,Ratio,Train,Val,Stuff,Name\n" + rows, "csv")
    assert [(e.name, e.synonyms) for e in found.classes] == [
        ("chest of drawers", ("chest", "bureau", "dresser")), ("window", ("pane",)),
    ]  # fmt: skip


def test_a_table_of_very_many_columns__is_refused_at_once(tmp_path: Path):
    header = ",".join(f"c{number}" for number in range(1_000))
    assert "1,001 columns" in refusal(tmp_path, f"name,{header}\nsky\n", "csv")
