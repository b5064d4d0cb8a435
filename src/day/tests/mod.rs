//! The laws of day files, on random rows: what is built comes back, and no damage passes.
#![allow(clippy::unwrap_used)]

mod blocks;
mod damage;
pub(super) use damage::varied_rows;
mod format_doc;

use super::build::{BuiltSection, build_section};
use super::datum::Datum;
use super::file::{DayFile, DayFileWriter, FileIdentity};
use super::rows::{Cell, DayRows, NO_USER};
use super::section::{ActivityCode, Section};
use super::summary::SectionPlace;
use crate::codec::bits::Bits;
use crate::fs::{Bytes, Fs};
use crate::time::DaySpan;
use crate::{ErrorKind, Value};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const DAY_US: i64 = 86_400_000_000;
const SPAN: DaySpan = DaySpan { day: -3, start: -3 * DAY_US, end: -2 * DAY_US };

/// The most that 38 digits hold.
const DECIMAL_MAX: i128 = 10i128.pow(38) - 1;

/// One row in a form that can be compared: cells by property name, to the bit.
type Row = (Vec<u8>, u32, i64, BTreeMap<Vec<u8>, String>);

fn shown(value: Datum) -> String {
    match value {
        Datum::Float(value) => format!("Float({})", value.to_bits()),
        value => format!("{value:?}"),
    }
}

fn datum_of(rows: &DayRows, cell: Cell) -> Datum<'_> {
    match cell {
        Cell::Null => Datum::Null,
        Cell::Bool(value) => Datum::Bool(value),
        Cell::Integer(value) => Datum::Integer(value),
        Cell::Decimal(scale, value) => Datum::Decimal(scale, value),
        Cell::WideDecimal(scale, at) => Datum::Wide(scale, rows.wide[at as usize]),
        Cell::Float(value) => Datum::Float(value),
        Cell::Text(code) => Datum::Text(std::str::from_utf8(rows.strings.get(code)).unwrap()),
    }
}

fn row_at(rows: &DayRows, at: usize) -> Row {
    let text = |code: u32| rows.strings.get(code).to_vec();
    let cells = rows.columns.iter().filter(|column| column.cell(at) != Cell::Null);
    let cells =
        cells.map(|column| (text(column.name), shown(datum_of(rows, column.cell(at))))).collect();
    (text(rows.activities[at]), rows.users[at], rows.times[at], cells)
}

fn all_rows(rows: &DayRows) -> Vec<Row> {
    (0..rows.len()).map(|at| row_at(rows, at)).collect()
}

/// What a section of these rows has to answer: sorted, ties by arrival.
fn expected_rows(rows: &DayRows) -> Vec<Row> {
    let mut expected = all_rows(rows);
    expected.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    expected
}

pub(super) fn section_of(built: &BuiltSection) -> Section {
    let bytes = Bytes::from_vec(built.bytes.clone());
    Section::new("t.day".into(), bytes, 0..built.bytes.len(), SPAN)
}

pub(super) fn built(rows: &DayRows) -> (BuiltSection, Section) {
    let built = build_section(SPAN, rows).unwrap();
    let section = section_of(&built);
    (built, section)
}

fn cells() -> impl Strategy<Value = Cell> {
    prop_oneof![
        3 => Just(Cell::Null),
        1 => any::<bool>().prop_map(Cell::Bool),
        3 => (0i64..3).prop_map(Cell::Integer),
        1 => any::<i64>().prop_map(Cell::Integer),
        2 => (0u8..3, -500i64..500).prop_map(|(scale, value)| Cell::Decimal(scale, value)),
        1 => (0u8..=38, 0u32..4).prop_map(|(scale, at)| Cell::WideDecimal(scale, at)),
        1 => prop_oneof![Just(0.0), Just(-0.0), -1e300..1e300].prop_map(Cell::Float),
        // Texts: the strings that `rows` starts with.
        4 => (0u32..12).prop_map(Cell::Text),
    ]
}

fn users() -> impl Strategy<Value = u32> {
    prop_oneof![
        1 => Just(NO_USER),
        3 => 0u32..3,
        6 => 0u32..150,
        3 => 65_530u32..65_600,
        2 => (0u32..5).prop_map(|n| 4_000_000 + n),
        1 => Just(NO_USER - 1),
    ]
}

/// Random rows over a few activities, with columns that start late and end early.
fn rows() -> impl Strategy<Value = DayRows> {
    let time = prop_oneof![
        (0i64..24).prop_map(|h| h * 3_600_000_000),
        (0i64..86_400).prop_map(|s| s * 1_000_000),
        Just(0),
        Just(DAY_US - 1),
        0..DAY_US,
    ];
    let row = (users(), 0usize..3, time, prop::collection::vec(cells(), 3));
    let one_kind = (0u32..3, 0u8..8);
    let ids = prop::collection::vec((any::<u128>(), users()), 0..20);
    (prop::collection::vec(row, 1..600), ids, one_kind).prop_map(
        |(rows, insert_ids, (property, kind))| {
            let insert_ids = insert_ids.into_iter().collect();
            let mut day = DayRows { insert_ids, ..DayRows::default() };
            for text in 0..12 {
                day.strings.code("x".repeat(text * text).as_bytes());
            }
            day.wide = vec![DECIMAL_MAX, -DECIMAL_MAX, i128::from(i64::MAX) + 1, 10i128.pow(37)];
            for (user, activity, time, mut cells) in rows {
                day.push(user, ["open", "buy", "view"][activity].as_bytes(), time);
                // One column of one value per user, so that it is stored so.
                cells[property as usize] = match kind {
                    0..3 => Cell::Integer(i64::from(user)),
                    3 => Cell::Text(user % 12),
                    _ => cells[property as usize],
                };
                for (name, cell) in ["p", "q", "r"].iter().zip(cells) {
                    if cell != Cell::Null {
                        day.set_cell(name.as_bytes(), cell);
                    }
                }
            }
            day
        },
    )
}

fn users_of(rows: &[Row], activity: Option<&[u8]>) -> BTreeMap<u32, BTreeMap<u16, u32>> {
    let mut chunks: BTreeMap<u32, BTreeMap<u16, u32>> = BTreeMap::new();
    for (name, user, ..) in rows {
        if *user != NO_USER && activity.is_none_or(|a| a == name) {
            *chunks.entry(user >> 16).or_default().entry(*user as u16).or_default() += 1;
        }
    }
    chunks
}

/// All that a section answers about users agrees with the rows.
fn check_users(section: &Section, rows: &[Row], code: ActivityCode, name: Option<&[u8]>) {
    let expected = users_of(rows, name);
    for chunk in [0, 1, 2, 61, 65_535, 65_536, u32::MAX - 1, u32::MAX] {
        let of_chunk = expected.get(&chunk).cloned().unwrap_or_default();
        let count = section.cardinality(code, chunk);
        if chunk < 65_536 {
            assert_eq!(count.unwrap() as usize, of_chunk.len(), "{code:?} {chunk}");
        }
        let mut bits = Bits::EMPTY;
        assert_eq!(section.presence_into(code, chunk, &mut bits).unwrap(), !of_chunk.is_empty());
        assert_eq!(bits.iter().collect::<Vec<_>>(), of_chunk.keys().copied().collect::<Vec<_>>());
        let mut counts = BTreeMap::new();
        let mut visit = |low, n| *counts.entry(low).or_default() += n;
        section.counts(code, chunk, &mut visit).unwrap();
        assert_eq!(counts, of_chunk);
    }
    let chunks = users_of(rows, None).keys().last().map_or(0, |chunk| chunk + 1);
    assert_eq!(section.chunks().unwrap(), chunks);
}

/// Every indexed property has all of its values, each with exactly its users; answers how many
/// values that are.
fn check_index(section: &Section, rows: &DayRows, activity: &[u8], code: u16) -> usize {
    let mut indexed = 0;
    for (column, chunk) in rows.columns.iter().flat_map(|c| [(c, 0), (c, 1)]) {
        let mut expected: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for at in 0..rows.len() {
            let (user, cell) = (rows.users[at], column.cell(at));
            let here = rows.strings.get(rows.activities[at]) == activity && user >> 16 == chunk;
            if here && cell != Cell::Null {
                let users = expected.entry(shown(datum_of(rows, cell))).or_default();
                users.insert(user as u16);
            }
        }
        let name = std::str::from_utf8(rows.strings.get(column.name)).unwrap();
        let Some(values) = section.indexed(code, name, chunk).unwrap() else { continue };
        let values: BTreeMap<String, BTreeSet<u16>> = values
            .into_iter()
            .map(|value| {
                let mut users = BTreeSet::new();
                value.users.for_each(|low| assert!(users.insert(low)));
                (shown(value.value), users)
            })
            .collect();
        assert_eq!(values, expected);
        indexed += values.len();
    }
    indexed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_is_built_comes_back(rows in rows()) {
        let (built, section) = built(&rows);
        section.verify().unwrap();
        let back = section.rows().unwrap();
        back.check().unwrap();
        let expected = expected_rows(&rows);
        prop_assert_eq!(all_rows(&back), expected.clone());
        let owners: BTreeMap<u128, u32> = rows.insert_ids.iter().collect();
        prop_assert_eq!(back.insert_ids, owners.clone().into_iter().collect());
        let ids: BTreeSet<u128> = owners.into_keys().collect();
        for id in &ids {
            prop_assert!(section.has_insert_id(*id).unwrap());
            prop_assert_eq!(section.has_insert_id(id ^ 1).unwrap(), ids.contains(&(id ^ 1)));
        }
        check_users(&section, &expected, ActivityCode::Any, None);
        let names: BTreeSet<Vec<u8>> = expected.iter().map(|row| row.0.clone()).collect();
        let found = section.activity_names().unwrap();
        prop_assert!(found.iter().map(|name| name.as_bytes()).eq(&names));
        prop_assert_eq!(section.activity(b"nothing").unwrap(), None);
        let count = |users: BTreeMap<u32, BTreeMap<u16, u32>>| {
            users.values().map(|users| users.len() as u64).sum::<u64>()
        };
        for ((name, totals), code) in names.iter().zip(&built.totals.activities).zip(0..) {
            let named = section.activity(name).unwrap().unwrap();
            prop_assert_eq!(named, ActivityCode::Named(code));
            check_users(&section, &expected, named, Some(name));
            check_index(&section, &rows, name, code);
            let of_name = expected.iter().filter(|row| row.0 == *name);
            let without = of_name.clone().filter(|row| row.1 == NO_USER).count() as u64;
            prop_assert_eq!(totals.users, count(users_of(&expected, Some(name))));
            prop_assert_eq!(totals.rows, of_name.count() as u64);
            prop_assert_eq!(totals.rows_without_user, without);
        }
        let times = rows.times.iter().map(|time| SPAN.start + time);
        prop_assert_eq!(Some(built.totals.first), times.clone().min());
        prop_assert_eq!(Some(built.totals.last), times.max());
        prop_assert_eq!(built.totals.rows, rows.len() as u64);
        prop_assert_eq!(built.totals.users, count(users_of(&expected, None)));
    }
}
