//! The documents: their links lead somewhere, and their examples are what the code does.

use crate::support::{create, folder};
use daybit::{Db, ImportOptions, Queries, Query, Source, Table, Value, queries_from_json};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> =
        docs.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    found.push(root().join("README.md"));
    found.push(root().join("examples/data/README.md"));
    found
}

/// The targets of `[text](target)` links that point into the project.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|target| {
        !target.starts_with("http") && !target.starts_with('#') && !target.contains(' ')
    })
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut seen = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            let file = target.split('#').next().unwrap();
            let there = path.parent().unwrap().join(file);
            assert!(there.exists(), "{}: {target} leads nowhere", path.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "links were found");
}

#[test]
fn paths_named_in_the_architecture_exist() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let mut seen = 0;
    for word in text.split('`').skip(1).step_by(2).filter(|w| w.starts_with("src/")) {
        assert!(
            root().join(word).exists(),
            "docs/architecture.md names {word}, which is not there"
        );
        seen += 1;
    }
    assert!(seen > 10, "paths were found");
}

/// Fenced blocks of a page: their languages and their texts.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

/// The records with their columns below each other, ratios to four digits.
fn aligned(table: &Table) -> String {
    let cell = |value: &Option<Value>| match value {
        None => "null".to_string(),
        Some(Value::Float(number)) => {
            let text = format!("{:.4}", number);
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        Some(value) => value.to_string(),
    };
    let rows = table.rows.iter().map(|row| row.iter().map(cell).collect());
    let rows: Vec<Vec<String>> = std::iter::once(table.columns.clone()).chain(rows).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap();
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The database of the examples.
fn examples(path: &Path, events: &str) -> Db {
    let db = create(path, "UTC");
    let source = Source::reader("events.csv", Box::new(Cursor::new(events.as_bytes().to_vec())));
    let receipt = db.import(&ImportOptions::new(), vec![source], &|_| {}).unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (26, 0));
    db
}

#[test]
fn the_examples_of_the_semantics_are_what_the_code_answers() {
    let page = fs::read_to_string(root().join("docs/semantics.md")).unwrap();
    let blocks = blocks(&page);
    let (&("csv", events), questions) = blocks.split_first().unwrap() else {
        panic!("the events come first")
    };
    let place = folder();
    let db = examples(&place.path().join("shop"), events);
    let (mut wrong, mut reports) = (Vec::new(), std::collections::BTreeSet::new());
    for pair in questions.chunks(2) {
        let &[("json", query), ("text", expected)] = pair else { panic!("{pair:?}") };
        let Ok(Queries::One(asked)) = queries_from_json(query) else {
            wrong.push(format!("{query}{:?}", queries_from_json(query).map(|_| ())));
            continue;
        };
        match db.query(&asked) {
            Ok(answer) if aligned(&answer.to_table()) == expected => {
                reports.insert(answer.report);
            }
            Ok(answer) => wrong.push(format!("{query}{}", aligned(&answer.to_table()))),
            Err(error) => wrong.push(format!("{query}{error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(reports.len(), 15, "reports are shown: {reports:?}");
}

#[test]
fn errors_on_the_query_s_page_are_what_the_code_says() {
    let semantics = fs::read_to_string(root().join("docs/semantics.md")).unwrap();
    let page = fs::read_to_string(root().join("docs/query.md")).unwrap();
    let place = folder();
    let db = examples(&place.path().join("shop"), blocks(&semantics)[0].1);
    let errors = page.split_once("## Errors").unwrap().1.split_once("## Limits").unwrap().0;
    let mut seen = 0;
    for pair in blocks(errors).chunks(2) {
        let &[("json", query), ("text", expected)] = pair else { panic!("{pair:?}") };
        let error = Query::from_json(query).and_then(|query| db.query(&query)).unwrap_err();
        let said = error.to_string();
        match expected.trim_end().strip_suffix("...") {
            Some(start) => assert!(said.starts_with(start), "{query}{said}"),
            None => assert_eq!(said, expected.trim_end(), "{query}"),
        }
        seen += 1;
    }
    assert!(seen > 5, "errors were found");
}

/// The bounds that the page names, and the code's.
#[test]
fn limits_on_the_query_s_page_are_those_of_the_code() {
    use daybit::limits::*;
    let page = fs::read_to_string(root().join("docs/query.md")).unwrap();
    let (_, table) = page.split_once("## Limits").unwrap();
    let bounds: Vec<u64> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1))
        .filter_map(|bound| bound.trim_end_matches(" |").replace(',', "").parse().ok())
        .collect();
    let of_usize = |bounds: &[usize]| bounds.iter().map(|n| *n as u64).collect::<Vec<u64>>();
    let mut expected = of_usize(&[QUERY_BYTES_MAX, QUERIES_MAX, BUCKETS_MAX]);
    expected.extend([u64::from(TRAILING_DAYS_MAX), u64::from(RETENTION_COLUMNS_MAX)]);
    expected.extend(of_usize(&[
        RETENTION_CELLS_MAX,
        ANSWER_CELLS_MAX,
        VALUES_DISTINCT_MAX,
        FUNNEL_STEPS_MAX,
    ]));
    expected.push(u64::from(PATHS_DEPTH_MAX));
    expected.extend(of_usize(&[FEATURES_MAX, DURATION_EDGES_MAX]));
    expected.push(u64::try_from(DURATION_SECONDS_MAX).unwrap());
    expected.push(BREAKDOWN_PROPERTIES_MAX as u64);
    expected.push(u64::from(TOP_MAX));
    expected.extend(of_usize(&[
        BREAKDOWN_GROUPS_MAX,
        BREAKDOWN_BYTES_MAX,
        CONDITIONS_MAX,
        CONDITION_VALUES_MAX,
        CONDITION_DEPTH_MAX,
        SET_DEPTH_MAX,
        SET_PARTS_MAX,
        SET_IDS_MAX,
    ]));
    expected.push(u64::from(USERS_PAGE_MAX));
    expected.extend(of_usize(&[COHORTS_MAX, COHORT_NAME_BYTES_MAX]));
    assert_eq!(bounds, expected);
}

/// Name and value of each bound.
macro_rules! named {
    ($($name:ident)*) => { vec![$((stringify!($name), daybit::limits::$name as i128)),*] };
}

#[test]
fn every_limit_has_its_name_and_its_reason() {
    let bounds = named!(
        USER_ID_BYTES_MAX ACTIVITY_BYTES_MAX PROPERTY_BYTES_MAX PROPERTIES_PER_EVENT_MAX
        TEXT_BYTES_MAX INSERT_ID_BYTES_MAX BATCH_ID_BYTES_MAX BATCH_EVENTS_MAX DECIMAL_SCALE_MAX
        DECIMAL_DIGITS_MAX JSON_DEPTH_MAX YEAR_MIN YEAR_MAX USERS_MAX CHUNK_USERS PAGE_ROWS_MAX
        SECTION_ROWS_MAX SECTION_NAMES_MAX FRAME_BYTES_MAX RECORD_BYTES_MAX SUMMARY_BYTES_MAX
        LEDGER_LIVE_AGE_US LEDGER_LIVE_MAX ERASE_IDS_MAX ERASED_MAX FILE_BYTES_MAX
        TRAILING_DAYS_MAX BREAKDOWN_GROUPS_MAX BREAKDOWN_BYTES_MAX BUCKETS_MAX
        RETENTION_COLUMNS_MAX RETENTION_CELLS_MAX VALUES_DISTINCT_MAX ANSWER_CELLS_MAX
        SET_DEPTH_MAX SET_IDS_MAX SET_PARTS_MAX COHORTS_MAX COHORT_NAME_BYTES_MAX CONDITIONS_MAX
        CONDITION_VALUES_MAX CONDITION_DEPTH_MAX BREAKDOWN_PROPERTIES_MAX TOP_MAX TOP_DEFAULT
        FUNNEL_STEPS_MAX PATHS_DEPTH_MAX FEATURES_MAX DURATION_EDGES_MAX DURATION_SECONDS_MAX
        QUERY_BYTES_MAX QUERIES_MAX USERS_PAGE_MAX IMPORT_LINE_BYTES_MAX IMPORT_COLUMNS_MAX
    );
    let code = fs::read_to_string(root().join("src/limits.rs")).unwrap();
    let in_code =
        code.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    assert_eq!(in_code.collect::<Vec<_>>(), bounds.iter().map(|b| b.0).collect::<Vec<_>>());
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, table) = page.split_once("## Limits").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    let told = rows.iter().map(|row| (row[0].trim_end_matches('`'), row[1].replace(',', "")));
    let told: Vec<(&str, i128)> =
        told.map(|(name, bound)| (name, bound.parse().unwrap())).collect();
    assert_eq!(told, bounds);
    assert!(rows.iter().all(|row| row.len() == 4 && row[3].len() > " |".len() + 5), "{rows:?}");
}
