//! Blocks answer the same rows as the whole section, column by column.

use super::*;
use crate::day::block::{Block, BlockColumn};
use crate::day::datum::KindSet;
use crate::memtable::Run;

/// Of all rows here.
const PROPERTIES: [&str; 8] = ["country", "note", "p", "page", "plan", "price", "q", "r"];

/// The block's rows in the form that can be compared.
fn rows_of(block: &Block, activity: &[u8], chunk: Option<u32>) -> crate::Result<Vec<Row>> {
    let (lows, counts) = (block.users(), block.counts());
    let user = |low: &u16| chunk.unwrap_or_default() << 16 | u32::from(*low);
    let users: Vec<u32> = match (chunk, counts) {
        (None, _) => vec![NO_USER; block.rows()],
        (_, []) => lows.iter().map(user).collect(),
        _ => lows.iter().zip(counts).flat_map(|(low, n)| vec![user(low); *n as usize]).collect(),
    };
    let times = block.times()?;
    assert_eq!((users.len(), times.len()), (block.rows(), block.rows()));
    let mut rows: Vec<Row> = users
        .iter()
        .zip(times)
        .map(|(user, time)| (activity.to_vec(), *user, time - SPAN.start, BTreeMap::new()))
        .collect();
    for property in PROPERTIES {
        let Some(column) = block.column(property)? else { continue };
        let mut cells: Vec<Cell> = cells_of(&column);
        if column.per_user {
            assert!(chunk.is_some() && cells.len() == lows.len());
            let one = vec![1; lows.len()];
            let counts = if counts.is_empty() { &one } else { counts };
            cells = cells.iter().zip(counts).flat_map(|(c, n)| vec![*c; *n as usize]).collect();
        }
        assert_eq!(cells.len(), rows.len());
        for (row, cell) in rows.iter_mut().zip(cells) {
            if let Cell::Text(code) = cell {
                assert!((code as usize) < column.texts());
            }
            if cell != Cell::Null {
                row.3.insert(property.as_bytes().to_vec(), shown(column.datum(cell)?));
            }
        }
    }
    Ok(rows)
}

fn cells_of(column: &BlockColumn) -> Vec<Cell> {
    (0..column.cells.len()).map(|at| column.cells.get(at)).collect()
}

/// The block, beside everyone of its chunk.
fn block_of(
    section: &Section,
    activity: u16,
    chunk: Option<u32>,
) -> crate::Result<Option<Block<'_>>> {
    let everyone = chunk.map_or(Ok(None), |chunk| section.everyone(chunk))?;
    section.block(activity, chunk, everyone.as_ref())
}

/// Reads all that a block of a section has.
pub(super) fn read(
    section: &Section,
    activity: u16,
    chunk: Option<u32>,
) -> crate::Result<Vec<Row>> {
    let Some(block) = block_of(section, activity, chunk)? else { return Ok(Vec::new()) };
    let names = section.activity_names()?;
    let name = names.get(usize::from(activity)).map_or(&[][..], |name| name.as_bytes());
    rows_of(&block, name, chunk)
}

fn chunks_of(rows: &[Row]) -> BTreeSet<Option<u32>> {
    let chunks = rows.iter().map(|row| Some(row.1).filter(|u| *u != NO_USER).map(|u| u >> 16));
    chunks.chain([None, Some(0), Some(3), Some(65_536), Some(u32::MAX)]).collect()
}

/// Every block of the section, and of a run of the same rows, has its rows.
fn check_blocks(rows: DayRows) {
    let (_, section) = built(&rows);
    let all = all_rows(&section.rows().unwrap());
    let names = section.activity_names().unwrap();
    let run = Run::new(1, vec![(SPAN, rows)]);
    for (name, code) in names.iter().zip(0..) {
        for chunk in chunks_of(&all) {
            let of_block = |row: &&Row| {
                let own = Some(row.1).filter(|user| *user != NO_USER).map(|user| user >> 16);
                row.0 == name.as_bytes() && own == chunk
            };
            let expected: Vec<Row> = all.iter().filter(of_block).cloned().collect();
            assert_eq!(read(&section, code, chunk).unwrap(), expected);
            let fresh = run.days[&SPAN.day].block(name.as_bytes(), chunk);
            assert_eq!(fresh.is_none(), expected.is_empty());
            if let Some(fresh) = fresh {
                let block = block_of(&section, code, chunk).unwrap().unwrap();
                assert_eq!((fresh.users(), fresh.counts()), (block.users(), block.counts()));
                let rows = rows_of(&fresh, name.as_bytes(), chunk).unwrap();
                assert_eq!(rows, expected);
            }
        }
    }
    for property in PROPERTIES {
        // No kind is wanted, so that all of them are found.
        let kinds = section.kinds(property, KindSet::NONE).unwrap();
        assert_eq!(kinds, run.days[&SPAN.day].rows.kinds(property));
        assert_eq!(section.has_property(property).unwrap(), !kinds.is_empty());
    }
    assert!(block_of(&section, names.len() as u16, Some(0)).unwrap().is_none());
    assert!(run.days[&SPAN.day].block(b"nothing", Some(0)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn blocks_are_the_rows(rows in rows()) {
        check_blocks(rows);
    }
}

/// Rows of many pages: of each user, `rows(user)` of them, with the properties that `set` gives.
fn long_rows(
    users: u32,
    rows: impl Fn(u32) -> u32,
    set: impl Fn(&mut DayRows, u32, u32),
) -> DayRows {
    let mut day = DayRows::default();
    for (user, row) in (0..users).flat_map(|user| (0..rows(user)).map(move |row| (user, row))) {
        day.push(user, b"view", i64::from(row) * 1_000);
        set(&mut day, user, row);
    }
    day
}

#[test]
fn columns_of_many_pages_are_per_user_where_every_page_agrees() {
    let rows = long_rows(
        150,
        |user| 1_000 + user % 3,
        |day, user, row| {
            // One value per user throughout; one that changes exactly where the first page ends;
            // one that only users of the last page have; one per row; one text per row.
            day.set(b"p", &Value::Integer(i64::from(user)));
            day.set(b"q", &Value::Bool(user == 65 && row >= 472));
            if user > 140 {
                day.set(b"r", &Value::Text(format!("user {user}")));
            }
            day.set(b"page", &Value::Integer(i64::from(row)));
            if user < 80 {
                day.set(b"note", &Value::Text(format!("note {user} {row}")));
            }
        },
    );
    let (_, section) = built(&rows);
    let block = block_of(&section, 0, Some(0)).unwrap().unwrap();
    assert_eq!((block.rows(), block.users().len()), (150_150, 150));
    let column = |name| block.column(name).unwrap().unwrap();
    let (per_user, q, r) = (column("p"), column("q"), column("r"));
    assert!(per_user.per_user && r.per_user && !q.per_user && !column("page").per_user);
    assert!(cells_of(&per_user).into_iter().eq((0..150).map(Cell::Integer)));
    assert_eq!((r.cells.len(), r.cells.get(140), r.texts()), (150, Cell::Null, 9));
    let note = column("note");
    assert_eq!((note.texts(), note.text(80_078).unwrap()), (80_079, "note 79 1000"));
    assert!(block.column("nothing").unwrap().is_none());
    check_blocks(rows);
}

#[test]
fn users_of_one_row_fill_pages_beside_users_of_many() {
    // The first page has a row per user, the second all rows of one.
    let rows = long_rows(
        65_536,
        |user| if user == 65_535 { 70_000 } else { 1 },
        |day, user, _| {
            if user % 2 == 1 {
                day.set(b"p", &Value::Integer(i64::from(user)));
            }
        },
    );
    let (_, section) = built(&rows);
    let block = block_of(&section, 0, Some(0)).unwrap().unwrap();
    let column = block.column("p").unwrap().unwrap();
    assert!(column.per_user);
    assert_eq!(
        cells_of(&column)[65_533..],
        [65_533, 65_534, 65_535].map(|user| match user % 2 {
            1 => Cell::Integer(user),
            _ => Cell::Null,
        })
    );
    check_blocks(rows);
}

#[test]
fn packed_blocks_of_many_pages_answer_each_chunk() {
    let mut rows = DayRows::default();
    for (user, row) in (0..12u32).flat_map(|user| (0..6_000).map(move |row| (user, row))) {
        rows.push(user << 16 | user, b"view", row);
        rows.set(b"p", &Value::Integer(i64::from(user)));
        rows.set(b"q", &Value::Float(row as f64));
        if user == 3 || row % 7 == 0 {
            rows.set(b"r", &Value::Text(format!("{user} {row}")));
        }
    }
    check_blocks(rows);
}

#[test]
fn a_block_of_a_section_of_every_kind_of_value_is_read() {
    check_blocks(super::damage::varied_rows());
    let (_, section) = built(&super::damage::varied_rows());
    let all = all_rows(&section.rows().unwrap());
    let read: Vec<Row> = [(0, Some(0)), (0, Some(1)), (0, None), (1, Some(0)), (2, Some(0))]
        .into_iter()
        .flat_map(|(code, chunk)| read(&section, code, chunk).unwrap())
        .collect();
    assert_eq!(read, all);
}

/// Seventy users, who open and view; `plan` is theirs, `page` is of the row.
fn crowd(plan: impl Fn(u32, &[u8]) -> Option<Value>) -> Section {
    let mut rows = DayRows::default();
    for (user, name) in (0..70).flat_map(|user| [(user, &b"open"[..]), (user, b"view")]) {
        rows.push(user, name, 0);
        if let Some(plan) = plan(user, name) {
            rows.set(b"plan", &plan);
        }
        rows.set(b"page", &Value::Integer(i64::from(name == b"open")));
    }
    rows.push(3, b"buy", 0);
    rows.set(b"plan", &plan(3, b"buy").unwrap_or(Value::Bool(true)));
    check_blocks(rows.clone());
    built(&rows).1
}

#[test]
fn what_everyone_tells_is_what_rows_agree_on() {
    let text = |user: u32, _: &[u8]| Some(Value::Text(["a", "b"][user as usize % 2].into()));
    let section = crowd(text);
    let everyone = section.everyone(0).unwrap().unwrap();
    let tells = |property| everyone.tells(property).unwrap();
    assert_eq!((tells("plan"), tells("page"), tells("nothing")), (true, false, true));
    let block = everyone.block().unwrap();
    let column = block.column("plan").unwrap().unwrap();
    assert_eq!((block.rows(), block.users().len(), column.cells.len()), (70, 70, 70));
    assert_eq!(cells_of(&column)[..3], [0, 1, 0].map(Cell::Text));
    assert!(block.column("page").unwrap().is_none());
    // One row is enough to differ, of a small block too.
    for (name, other) in [(&b"view"[..], None), (b"buy", Some(Value::Text("c".into())))] {
        let differs =
            |user, of: &[u8]| if user == 3 && of == name { other.clone() } else { text(user, of) };
        assert!(crowd(differs).everyone(0).unwrap().is_none());
    }
    assert!(section.everyone(1).unwrap().is_none());
    assert!(section.everyone(u32::MAX).unwrap().is_none());
}

#[test]
fn damage_is_an_error_or_changes_nothing() {
    let (whole, section) = built(&super::damage::varied_rows());
    let ask = |section: &Section| -> crate::Result<_> {
        let codes = 0..section.activity_names()?.len() as u16;
        let places = codes.flat_map(|code| [(code, Some(0)), (code, Some(1)), (code, None)]);
        let rows = places.map(|(code, chunk)| read(section, code, chunk));
        let rows = rows.collect::<crate::Result<Vec<_>>>()?;
        let mut indexed = Vec::new();
        for value in section.indexed(1, "page", 0)?.unwrap_or_default() {
            value.users.for_each(|low| indexed.push((shown(value.value), low)));
        }
        let kinds = section.kinds("price", KindSet::NONE)?;
        Ok((rows, indexed, kinds))
    };
    let expected = ask(&section).unwrap();
    let mut found = 0;
    for at in (0..whole.bytes.len()).step_by(7) {
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let length = bytes.len();
        match ask(&Section::new("t.day".into(), Bytes::from_vec(bytes), 0..length, SPAN)) {
            Ok(answer) => assert_eq!(answer, expected, "byte {at}"),
            Err(error) => {
                found += 1;
                assert_eq!(error.kind(), ErrorKind::Corruption);
                assert!(error.to_string().starts_with("t.day is damaged at byte "), "{error}");
            }
        }
    }
    // What is left are users of any activity, insert ids and an index that was not asked for.
    assert!(found > whole.bytes.len() / 7 * 9 / 10, "{found} of {}", whole.bytes.len());
}

/// Users who start when they like, and do other things within minutes.
fn rows_after_first_ones() -> DayRows {
    let mut rows = DayRows::default();
    for user in 0..200u32 {
        let first = i64::from(user) * 7_919 % 80_000 * 1_000_000;
        rows.push(user, b"open", first);
        for more in 0..i64::from(user % 4) {
            rows.push(user, b"view", first + 3_217_000 + 1_000 * more);
        }
    }
    rows.push(NO_USER, b"view", 1);
    rows.push(9, b"rare", DAY_US - 1);
    rows
}

#[test]
fn times_are_told_from_the_first_of_each_user() {
    let rows = rows_after_first_ones();
    let (built, section) = built(&rows);
    let everyone = section.everyone(0).unwrap().unwrap();
    let firsts = everyone.firsts().unwrap().unwrap();
    assert_eq!((firsts.len(), firsts[1]), (200, 7_919_000_000));
    // 200 first times of whole seconds, and 300 of a few milliseconds since.
    assert!(built.bytes.len() < 200 * 17 / 8 + 300 * 12 / 8 + 1_500, "{}", built.bytes.len());
    let kinds = section.blocks().unwrap().iter().map(|record| record.presence_kind);
    let (all, ranks) = (super::super::format::PRESENCE_ALL, super::super::format::PRESENCE_RANKS);
    assert!(kinds.clone().any(|kind| kind == all) && kinds.clone().any(|kind| kind == ranks));
    assert_eq!(all_rows(&section.rows().unwrap()), expected_rows(&rows));
    check_blocks(rows);
}

#[test]
fn times_of_any_hour_are_told_from_midnight() {
    let mut rows = DayRows::default();
    for row in 0..400i64 {
        let name: &[u8] = if row % 2 == 0 { b"open" } else { b"view" };
        rows.push((row / 2) as u32, name, row * row * 7_919_123_457 % DAY_US);
    }
    let (_, section) = built(&rows);
    assert!(section.everyone(0).unwrap().is_none());
    check_blocks(rows);
}
