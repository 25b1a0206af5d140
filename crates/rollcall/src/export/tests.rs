//! What the files look like, and what a spreadsheet would make of them.

use csv::ReaderBuilder;
use expect_test::expect;
use serde_json::json;

use super::*;

const COLUMNS: &[&str] = &["number", "username", "group", "changes"];

fn written(format: Format, pages: Vec<Vec<Vec<Cell>>>) -> String {
    let mut table = Table::new(format, COLUMNS);
    let mut out = table.head();
    for page in pages {
        out.extend(table.rows(page));
    }
    out.extend(table.tail());
    String::from_utf8(out).unwrap()
}

fn two_pages() -> Vec<Vec<Vec<Cell>>> {
    let row = |number, name: &str| {
        vec![Cell::Number(number), Cell::text(name), Cell::Nothing, Cell::Json(json!({ "a": 1 }))]
    };
    vec![vec![row(-1, "ada"), row(2, "b \"x\"")], vec![], vec![row(3, "c,\nd")]]
}

#[test]
fn the_same_rows_are_written_in_each_format_page_by_page() {
    expect![[r#"
        [
        {"changes":{"a":1},"group":null,"number":-1,"username":"ada"},
        {"changes":{"a":1},"group":null,"number":2,"username":"b \"x\""},
        {"changes":{"a":1},"group":null,"number":3,"username":"c,\nd"}
        ]
    "#]]
    .assert_eq(&written(Format::Json, two_pages()));
    expect![[r#"
        {"changes":{"a":1},"group":null,"number":-1,"username":"ada"}
        {"changes":{"a":1},"group":null,"number":2,"username":"b \"x\""}
        {"changes":{"a":1},"group":null,"number":3,"username":"c,\nd"}
    "#]]
    .assert_eq(&written(Format::Ndjson, two_pages()));
    expect![[r#"
        "number","username","group","changes"
        "-1","ada","","{""a"":1}"
        "2","b ""x""","","{""a"":1}"
        "3","c,
        d","","{""a"":1}"
    "#]]
    .assert_eq(&written(Format::Csv, two_pages()));
}

#[test]
fn a_file_without_rows_is_a_whole_file() {
    assert_eq!(written(Format::Json, vec![]), "[]\n");
    assert_eq!(written(Format::Ndjson, vec![]), "");
    assert_eq!(written(Format::Csv, vec![]), "\"number\",\"username\",\"group\",\"changes\"\n");
}

/// What lies between what a cell may begin with and what is run.
const DISGUISES: [&str; 8] = ["", " ", "\t", "\r", "\n", "\u{a0}", "\"", "x;"];

#[test]
fn no_cell_is_a_formula_to_a_spreadsheet_of_any_country() {
    let runs =
        ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\u{ff1d}1", "\u{ff0b}1", "=\"\""];
    let disguised = runs.iter().flat_map(|run| DISGUISES.map(|it| format!("{it}{run}")));
    let hidden = ["x,=1", "x;  =1", "x\t=1", "x\n=1", "x\";\"=1", "x|=1", "x', \t\"=1"];
    let payloads: Vec<String> = disguised.chain(hidden.map(str::to_owned)).collect();
    assert!(60 <= payloads.len());
    for payload in payloads {
        let row = vec![Cell::Number(1), Cell::text(&payload), Cell::Nothing, Cell::Nothing];
        let text = written(Format::Csv, vec![vec![row]]);
        for separator in [b',', b';', b'\t', b'|'] {
            let mut reader = ReaderBuilder::new();
            let mut reader =
                reader.delimiter(separator).flexible(true).from_reader(text.as_bytes());
            for record in reader.records() {
                for cell in record.unwrap().iter().flat_map(str::lines) {
                    let shown = cell.trim_start_matches(|it: char| it == '"' || it.is_whitespace());
                    let is_formula = shown.starts_with(FORMULA);
                    assert!(!is_formula, "{payload:?} is {cell:?} by {:?}", char::from(separator));
                }
            }
        }
    }
}

#[test]
fn what_is_no_formula_stays_as_it_is() {
    for plain in ["ada.lovelace", "a-b", "x = y", "a@b.example", "O'Neill", "é", "a (b, c)"] {
        assert_eq!(harmless(plain), plain);
    }
    assert_eq!(harmless("nul\0"), "nul\u{fffd}");
}
