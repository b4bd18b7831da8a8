"""CSV of all kinds: what is good is read, what is bad is told, and neither is in the way of the other."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client.files import mistakes, profiles, read_csv, rows_of

from tocsin.client import csv_rows, text
from tocsin.core.errors import Invalid


def refusal(content, **options):
    with pytest.raises(Invalid) as caught:
        read_csv(content, **options)
    return caught.value.describe()


def test_columns_become_fields_and_empty_cells_say_nothing():
    rows = read_csv("email,_fname,bonus\nann@example.com,Ann,5\nbob@example.com,,\n")
    assert profiles(rows) == [{"email": "ann@example.com", "_fname": "Ann", "bonus": "5"}, {"email": "bob@example.com"}]
    assert [(row.number, row.line, row.original) for row in rows] == [
        (1, 2, "ann@example.com,Ann,5"),
        (2, 3, "bob@example.com,,"),
    ]


def test_an_empty_cell_clears_its_field_when_that_is_asked():
    content = "email,_fname,address.city,address.zip,subscription:21:email\na@example.com,,,,\nb@example.com,B,Bath,,\n"
    assert profiles(read_csv(content, clear_empty=True)) == [
        {"email": "a@example.com", "_fname": None, "address": None},
        {"email": "b@example.com", "_fname": "B", "address": {"city": "Bath"}},
    ]


def test_dots_make_objects_and_brackets_make_lists():
    rows = read_csv("email,address.city,address.geo.lat,phones[]\na@example.com,Bath,51.4,+441|+442\n")
    assert profiles(rows) == [
        {"email": "a@example.com", "address": {"city": "Bath", "geo": {"lat": "51.4"}}, "phones": ["+441", "+442"]}
    ]


def test_columns_of_subscriptions():
    header = (
        "email,subscription:21:email,subscription:21:email.status,subscription:20:sms,subscription:22:push,"
        "subscription:22:push.provider,subscription:23:viber,subscription:21:email.cats[]"
    )
    rows = read_csv(
        f"{header}\na@example.com,a@x.org,unsubscribed,+441,tok,fcm,+442,news|sales\nb@example.com,,subscribed,,,fcm,,\n"
    )
    assert profiles(rows) == [
        {
            "email": "a@example.com",
            "subscriptions": [
                {
                    "resource_id": 21,
                    "channel": "email",
                    "email": "a@x.org",
                    "status": "unsubscribed",
                    "cats": ["news", "sales"],
                },
                {"resource_id": 20, "channel": "sms", "phone": "+441"},
                {"resource_id": 22, "channel": "push", "subscription_id": "tok", "provider": "fcm"},
                {"resource_id": 23, "channel": "viber", "cc_data": {"phone": "+442"}},
            ],
        },
        {"email": "b@example.com"},
    ]


def test_ragged_rows_are_told_and_the_rest_is_read():
    rows = read_csv("email,_fname\na@example.com\nb@example.com,B\nc@example.com,C,\n\nd@example.com,D\n")
    assert [one["email"] for one in profiles(rows)] == ["b@example.com", "d@example.com"]
    assert mistakes(rows) == [
        (1, 2, "expected 2 cells as in the first row, got 1"),
        (3, 4, "expected 2 cells as in the first row, got 3"),
    ]


def test_a_row_in_another_encoding_is_told_and_kept_as_it_was():
    rows = read_csv(b"email,_fname\na@example.com,Zo\xeb\nb@example.com,Zo\xc3\xab\n")
    assert profiles(rows) == [{"email": "b@example.com", "_fname": "Zoë"}]
    assert mistakes(rows) == [(1, 2, "the text is not in the encoding of the file")]
    assert rows[0].original.encode("utf-8", "surrogateescape") == b"a@example.com,Zo\xeb"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1251", "UTF8"])
def test_other_encodings_and_byte_order_marks(encoding):
    rows = read_csv("email,_fname\na@example.com,Жанна\n".encode(encoding), encoding.replace("-sig", ""))
    assert profiles(rows) == [{"email": "a@example.com", "_fname": "Жанна"}]


def test_half_a_character_of_utf_16_spoils_only_its_row():
    content = (
        "email,_fname\na@example.com,A".encode("utf-16-le") + b"\x00\xdc" + "\nb@example.com,B\n".encode("utf-16-le")
    )
    rows = read_csv(content, "utf-16-le")
    assert [one["email"] for one in profiles(rows)] == ["b@example.com"]
    assert len(mistakes(rows)) == 1


@pytest.mark.parametrize("encoding", ["base64", "rot13", "nonsense", "idna", "zlib"])
def test_an_encoding_that_is_none_is_refused(encoding):
    with pytest.raises(Invalid, match="there is no encoding"):
        text.check_encoding(encoding)


def test_a_nul_is_told():
    rows = read_csv("email,_fname\na@example.com,A\0\nb@example.com,B\n")
    assert mistakes(rows) == [(1, 2, "the text has a NUL character")]
    assert len(profiles(rows)) == 1


def test_quoted_cells_may_have_lines_and_delimiters():
    rows = read_csv('email,note\na@example.com,"one, two\nthree ""four"""\nb@example.com,x\n')
    assert profiles(rows)[0]["note"] == 'one, two\nthree "four"'
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 4)]


def test_a_quote_that_is_not_closed_loses_one_row_only():
    rows = read_csv('email,note\na@example.com,"oops\nb@example.com,B\nc@example.com,"fine"\nd@example.com,D\n')
    assert [one["email"] for one in profiles(rows)] == ["b@example.com", "c@example.com", "d@example.com"]
    [(number, line, mistake)] = mistakes(rows)
    assert (number, line) == (1, 2)
    assert "quotation mark" in mistake


def test_a_quote_that_is_not_closed_at_the_end_loses_one_row_only():
    rows = read_csv('email,note\na@example.com,"oops\nb@example.com,B\nc@example.com,C\n')
    assert [one["email"] for one in profiles(rows)] == ["b@example.com", "c@example.com"]
    assert [row.original for row in rows if row.mistake] == ['a@example.com,"oops']


def test_text_after_a_closing_quote_is_told():
    assert len(mistakes(read_csv('email,note\na@example.com,"x"y\nb@example.com,B\n'))) == 1


def test_a_row_that_is_too_long_is_told_without_being_held(monkeypatch):
    for module in (text, csv_rows):
        monkeypatch.setattr(module, "MOST_CHARACTERS", 1000)
    content = f'email,note\na@example.com,{"x" * 100_000}\nb@example.com,B\n"{"y" * 2000}\nc@example.com,C\n'
    rows = read_csv(content)
    assert [one["email"] for one in profiles(rows)] == ["b@example.com", "c@example.com"]
    assert mistakes(rows) == [
        (1, 2, "the row is longer than 1000 characters"),
        (3, 4, "the row is longer than 1000 characters"),
    ]


def test_a_quote_that_swallows_more_than_a_row_may_have_gives_the_rows_back(monkeypatch):
    for module in (text, csv_rows):
        monkeypatch.setattr(module, "MOST_CHARACTERS", 1000)
    people = "".join(f"p{number}@example.com,P\n" for number in range(300))
    rows = read_csv(f'email,note\na@example.com,"oops\n{people}')
    assert len(profiles(rows)) == 300
    assert [(number, line) for number, line, _ in mistakes(rows)] == [(1, 2)]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "the file is empty"),
        ("email,,x", "column 2 has no name"),
        ("email,email", "two columns are both 'email'"),
        ("email,phones,phones[]", "two columns are both 'phones'"),
        ("address,address.city", "a column is a member of another: 'address.city'"),
        ("email,a..b", "expected names with one dot between them"),
        ("email,subscription:x:email", "expected subscription:RESOURCE:CHANNEL"),
        ("email,subscription:21:fax", "expected subscription:RESOURCE:CHANNEL"),
        ("email,subscription:21:email.status", "subscription:21:email with the address is missing"),
        ("email;_fname", "did you mean --delimiter ';'?"),
        ("email\t_fname", "did you mean --delimiter tab?"),
        ('email,"open', "the names of the columns cannot be read"),
        ("rejected:row,rejected:line", "the first row names no field"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(header, told):
    assert told in refusal(f"{header}\na@example.com,A\n" if header else "")


def test_what_a_file_of_rejected_rows_adds_is_left_out():
    rows = read_csv("rejected:row,rejected:reason,email\n7,because,a@example.com\n")
    assert profiles(rows) == [{"email": "a@example.com"}]


def test_other_delimiters_and_line_ends():
    assert profiles(read_csv("email;n\r\na@example.com;1\r\n", delimiter=";")) == [{"email": "a@example.com", "n": "1"}]
    assert profiles(read_csv("email,n\ra@example.com,1\r")) == [{"email": "a@example.com", "n": "1"}]


def test_compressed_files_and_damaged_ones(tmp_path):
    content = b"email,n\n" + b"".join(b"p%d@example.com,%d\n" % (number, number) for number in range(50_000))
    whole, cut, other = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz", tmp_path / "c.csv.gz"
    whole.write_bytes(gzip.compress(content))
    cut.write_bytes(gzip.compress(content)[:-50_000])
    other.write_bytes(content)
    assert len(list(rows_of(whole))) == 50_000
    for damaged in (cut, other):
        with pytest.raises(Invalid, match="damaged or ends too early"):
            list(rows_of(damaged))
    with pytest.raises(Invalid, match="No such file"):
        list(rows_of(tmp_path / "none.csv"))


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)] * 2),
        max_size=12,
    )
)
def test_whatever_a_good_writer_writes_is_read_as_it_was(cells):
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["a", "b"])
    writer.writerows((f"x{first}", f"y{second}") for first, second in cells)
    rows = read_csv(written.getvalue().encode())
    assert mistakes(rows) == []
    assert profiles(rows) == [{"a": f"x{first}", "b": f"y{second}"} for first, second in cells]


@given(
    st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\xff", b"\0", b"\xc3", b"|", b"email"]), max_size=60)
)
def test_whatever_stands_in_a_file_every_line_is_accounted_for(pieces):
    """Nothing raises but for the header, and rows come in the order of their lines."""
    rows = read_csv(b"a,b\n" + b"".join(pieces))
    assert all(bool(row.profile) != bool(row.mistake) for row in rows)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
