//! No damage of a day file passes, and no bytes at all make a reader panic.

#![allow(clippy::expect_used)]

use super::*;
use crate::codec::{checksum::crc, cursor};
use crate::day::column::{ColumnPage, Decoded};
use crate::day::file::FinishedDayFile;
use crate::day::format::{BlockRecord, IndexRecord, PartRecord, SectionFooter};
use crate::day::names::TextList;
use crate::day::pages::{decode_head, decode_times};
use crate::fs::simulated::SimulatedFs;
use std::ops::Range;
use std::path::Path;
use zerocopy::{FromBytes, IntoBytes};

const DATABASE: u128 = 0x1234_5678_9abc_def0_1122_3344_5566_7788;

fn identity() -> FileIdentity {
    FileIdentity {
        database: DATABASE,
        generation: 12,
        sequence_first: 3,
        sequence_last: 9,
        replaces: vec![4, 11],
    }
}

/// Rows with a full chunk, packed ones, rows without a user, all kinds of value and an index.
pub(in crate::day) fn varied_rows() -> DayRows {
    let insert_ids = [(7, 0), (3, 1), (u128::MAX, NO_USER)].into_iter().collect();
    let mut rows = DayRows { insert_ids, ..DayRows::default() };
    for user in 0..70 {
        rows.push(user, b"open", i64::from(user) * 1_000_000);
        rows.set(b"plan", &Value::Bool(user % 2 == 0));
        rows.set(b"page", &Value::Text(format!("/page/{}", user % 3)));
        set_country(&mut rows, user);
        rows.push(user, b"open", 5);
        rows.set(b"note", &Value::Text(format!("written only once, by {user}")));
        set_country(&mut rows, user);
        rows.push(user, b"view", 6);
        set_country(&mut rows, user);
    }
    rows.push(70_000, b"buy", 1);
    rows.set(b"price", &Value::Decimal("12.50".parse().unwrap()));
    rows.push(NO_USER, b"buy", 2);
    rows.set(b"price", &Value::Decimal("123456789012345678901234.5".parse().unwrap()));
    for price in [Value::Float(1.5), Value::Integer(-4)] {
        rows.push(9, b"buy", 3);
        rows.set(b"price", &price);
        set_country(&mut rows, 9);
    }
    rows
}

/// One for each user, whatever they do.
fn set_country(rows: &mut DayRows, user: u32) {
    let country = ["DE", "FR", "JP"][user as usize % 3];
    rows.set(b"country", &Value::Text(country.into()));
}

fn write_file(fs: &dyn Fs, path: &Path, sections: &[BuiltSection]) -> FinishedDayFile {
    let mut writer = DayFileWriter::create(fs, path, identity()).unwrap();
    for section in sections {
        writer.add(section, 3, 9).unwrap();
    }
    let finished = writer.finish(fs).unwrap();
    assert_eq!(fs.len(path).unwrap(), Some(finished.length));
    finished
}

/// A file of two sections in memory, and what writing it answered.
fn file_bytes() -> (Vec<u8>, FinishedDayFile) {
    let (fs, path) = (SimulatedFs::new(), Path::new("0000000012.day"));
    let mut small = DayRows::default();
    small.push(1, b"open", 0);
    let sections = [&varied_rows(), &small].map(|rows| build_section(SPAN, rows).unwrap());
    let finished = write_file(&fs, path, &sections);
    (fs.read(path, u64::MAX).unwrap(), finished)
}

fn open(bytes: Vec<u8>, checksum: u32) -> crate::Result<DayFile> {
    DayFile::open("0000000012.day", Bytes::from_vec(bytes), DATABASE, 12, checksum)
}

fn verify(bytes: Vec<u8>, checksum: u32) -> crate::Result<()> {
    let file = open(bytes, checksum)?;
    file.places().iter().try_for_each(|place| file.section(place)?.verify())
}

#[test]
fn a_file_opens_as_what_was_written() {
    let (bytes, finished) = file_bytes();
    verify(bytes.clone(), finished.checksum).unwrap();
    let file = open(bytes, finished.checksum).unwrap();
    assert_eq!((file.identity(), file.places()), (&identity(), finished.places.as_slice()));
    let rows = file.section(&file.places()[0]).unwrap().rows().unwrap();
    assert_eq!(all_rows(&rows), expected_rows(&varied_rows()));
    assert_eq!(finished.places[0].totals.activities[0].rows_without_user, 1);
}

#[test]
fn the_varied_rows_have_an_index() {
    let rows = varied_rows();
    let (_, section) = built(&rows);
    assert_eq!(&*section.activity_names().unwrap()[1], "open");
    assert_eq!(check_index(&section, &rows, b"open", 1), 5);
    assert!(section.everyone(0).unwrap().is_some_and(|all| all.tells("country").unwrap()));
    for (activity, property, chunk) in
        [(1, "note", 0), (1, "none", 0), (1, "page", 1), (9, "page", 0)]
    {
        assert!(section.indexed(activity, property, chunk).unwrap().is_none(), "{property}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (bytes, finished) = file_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = verify(flipped, finished.checksum).expect_err(&format!("bit {bit}"));
        assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}");
        assert!(error.to_string().starts_with("0000000012.day is damaged at byte "), "{error}");
    }
}

#[test]
fn every_cut_and_every_wrong_name_is_found() {
    let (bytes, finished) = file_bytes();
    for length in 0..bytes.len() {
        assert!(open(bytes[..length].to_vec(), finished.checksum).is_err(), "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(open(longer, finished.checksum).is_err());
    assert!(open(bytes.clone(), finished.checksum ^ 1).is_err());
    let open = |database, generation| {
        DayFile::open("f", Bytes::from_vec(bytes.clone()), database, generation, finished.checksum)
    };
    assert!(open(DATABASE, 13).unwrap_err().to_string().contains("is file 12"));
    assert!(open(DATABASE + 1, 12).unwrap_err().to_string().contains("of database"));
    assert!(open(DATABASE, 12).is_ok());
}

#[test]
fn a_file_of_another_format_is_refused_as_such() {
    let (bytes, finished) = file_bytes();
    let refused = |version: u32, least_reader: u32| {
        let mut bytes = bytes.clone();
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes[12..16].copy_from_slice(&least_reader.to_le_bytes());
        let header = size_of::<crate::day::format::FileHeader>();
        let checksum = crc(&bytes[..header - 4]);
        bytes[header - 4..header].copy_from_slice(&checksum.to_le_bytes());
        open(bytes, finished.checksum).unwrap_err().kind()
    };
    assert_eq!(refused(2, 2), ErrorKind::NewerFormat);
    assert_eq!(refused(0, 0), ErrorKind::OlderFormat);
    // What an older reader understands is read on: here the changed checksum is what is wrong.
    assert_eq!(refused(2, 1), ErrorKind::Corruption);
}

#[test]
fn a_section_of_another_place_is_refused() {
    let (bytes, finished) = file_bytes();
    let file = open(bytes, finished.checksum).unwrap();
    let place = &file.places()[0];
    let wrong = |change: &dyn Fn(&mut SectionPlace)| {
        let mut place = place.clone();
        change(&mut place);
        file.section(&place).and_then(|section| section.verify()).unwrap_err()
    };
    assert!(wrong(&|p| p.length = u64::MAX).to_string().contains("no section"));
    assert!(wrong(&|p| p.file = 13).to_string().contains("file 13"));
    assert!(wrong(&|p| p.totals.day += 1).to_string().contains("instead of"));
    assert!(wrong(&|p| p.length -= 1).to_string().contains("no section footer"));
}

#[test]
fn rows_that_cannot_be_are_refused() {
    let refused = |change: &dyn Fn(&mut DayRows)| {
        let mut rows = varied_rows();
        change(&mut rows);
        build_section(SPAN, &rows).unwrap_err()
    };
    assert!(refused(&|rows| rows.times[0] = DAY_US).to_string().contains("within the day"));
    assert!(refused(&|rows| rows.times[0] = -1).to_string().contains("within a day"));
    assert!(refused(&|rows| *rows = DayRows::default()).to_string().contains("no rows"));
    let too_many = refused(&|rows| {
        let count = crate::limits::SECTION_ROWS_MAX + 1;
        rows.users = vec![1; count];
        rows.times = vec![1; count];
        rows.activities = vec![0; count];
    });
    assert_eq!(too_many.kind(), ErrorKind::Limit);
}

/// Gives every part of a section the checksum of the bytes that it has now.
fn reseal(section: &mut [u8]) -> Option<()> {
    let footer_at = section.len().checked_sub(size_of::<SectionFooter>())?;
    let (_, mut footer) = SectionFooter::read_from_suffix(section).ok()?;
    let blocks = footer.blocks.range(footer_at)?;
    let mut records = <[BlockRecord]>::ref_from_bytes(section.get(blocks.clone())?).ok()?.to_vec();
    for record in &mut records {
        reseal_head(section, record);
        let parts = [&mut record.presence, &mut record.counts, &mut record.head];
        parts.into_iter().for_each(|part| reseal_part(section, part));
    }
    section.get_mut(blocks)?.copy_from_slice(records.as_bytes());
    let index = footer.index.range(footer_at)?;
    let mut entries = <[IndexRecord]>::ref_from_bytes(section.get(index.clone())?).ok()?.to_vec();
    entries.iter_mut().for_each(|entry| reseal_part(section, &mut entry.presence));
    section.get_mut(index)?.copy_from_slice(entries.as_bytes());
    let SectionFooter { names, texts, insert_ids, blocks, index, .. } = &mut footer;
    for part in [names, texts, insert_ids, blocks, index] {
        reseal_part(section, part);
    }
    footer.crc = crc(&footer.as_bytes()[..size_of::<SectionFooter>() - 8]).into();
    section[footer_at..].copy_from_slice(footer.as_bytes());
    Some(())
}

fn reseal_part(section: &[u8], part: &mut PartRecord) {
    if let Some(range) = part.range(section.len()) {
        part.crc = crc(&section[range]).into();
    }
}

fn reseal_head(section: &mut [u8], record: &BlockRecord) -> Option<()> {
    let head = record.head.range(section.len())?;
    let pages = section.get(head.end..)?.to_vec();
    let bytes = section.get_mut(head)?;
    let (mut at, mut offset) = (0, 0usize);
    let mut part = |at: &mut usize, bytes: &mut [u8]| {
        let mut input = bytes.get(*at..)?;
        let before = input.len();
        let length = cursor::varint_usize(&mut input).ok()?;
        *at += before - input.len();
        let checksum = crc(pages.get(offset..offset.checked_add(length)?)?);
        offset += length;
        bytes.get_mut(*at..*at + 4)?.copy_from_slice(&checksum.to_le_bytes());
        *at += 4;
        Some(())
    };
    while at < bytes.len() {
        part(&mut at, bytes)?;
        let number = |at: &mut usize| {
            let mut input = bytes.get(*at..)?;
            let before = input.len();
            let value = cursor::varint(&mut input).ok()?;
            *at += before - input.len();
            Some(value)
        };
        for _ in 0..number(&mut at)? {
            let mut input = bytes.get(at..)?;
            let before = input.len();
            cursor::varint(&mut input).ok()?;
            at += before - input.len();
            part(&mut at, bytes)?;
        }
    }
    Some(())
}

/// Asks everything; answers may be wrong or errors, but they come.
fn ask_everything(section: &Section) {
    let _ = section.verify();
    let _ = section.rows();
    let _ = section.has_insert_id(7);
    for (code, chunk) in [0, 1, 65_535].into_iter().flat_map(|code| [(code, 0), (code, 1)]) {
        for property in ["country", "page", "plan", "price", "note"] {
            let _ = section.indexed(code, property, chunk);
        }
        let _ = blocks::read(section, code, Some(chunk));
        let _ = blocks::read(section, code, None);
    }
    for code in [ActivityCode::Any, ActivityCode::Named(0), ActivityCode::Named(65_535)] {
        for chunk in [0, 1, 65_535, u32::MAX - 1, u32::MAX] {
            let _ = section.cardinality(code, chunk);
            let _ = section.presence(code, chunk).map(|p| p.or_into(&mut Bits::EMPTY.clone()));
            let _ = section.counts(code, chunk, &mut |_, _| {});
        }
    }
}

fn decoded(bytes: &[u8], rows: usize, wanted: Range<usize>) -> Result<Vec<Cell>, String> {
    let mut values = Decoded::default();
    ColumnPage::read(bytes)?.decode(rows, wanted, 5, &mut values)?;
    Ok(values.cells)
}

#[test]
fn an_untouched_section_survives_resealing() {
    let (built, _) = built(&varied_rows());
    let mut bytes = built.bytes.clone();
    reseal(&mut bytes).unwrap();
    assert!(bytes == built.bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn wrong_bytes_under_right_checksums_never_panic(
        at in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()),
            1..4,
        ),
    ) {
        let (built, _) = built(&varied_rows());
        let mut bytes = built.bytes.clone();
        let directory = bytes.len() / 2;
        for (at, value, late) in at {
            // Half of the changes hit the directories, which are the smaller half.
            let length = bytes.len();
            let start = if late { directory } else { 0 };
            let range = &mut bytes[start..length - 8];
            range[at.index(range.len())] = value;
        }
        reseal(&mut bytes);
        let length = bytes.len();
        let section = Section::new("t.day".into(), Bytes::from_vec(bytes), 0..length, SPAN);
        ask_everything(&section);
    }

    #[test]
    fn any_bytes_are_refused_or_read(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        rows in 0usize..70_000,
    ) {
        for wanted in [0..rows, rows / 3..rows / 2, rows..rows + 1] {
            let _ = decoded(&bytes, rows, wanted.clone());
            let _ = decode_times(&bytes, rows, wanted, (0, DAY_US), &mut Vec::new());
        }
        let _ = decode_head(&bytes, rows, bytes.len(), 3);
        let _ = TextList::read(&bytes, 3).map(|texts| texts.check());
        let length = bytes.len();
        ask_everything(&Section::new("t".into(), Bytes::from_vec(bytes.clone()), 0..length, SPAN));
        prop_assert!(open(bytes, 0).is_err());
    }

    #[test]
    fn columns_of_few_kinds_never_panic(
        kinds in prop::collection::btree_set(0u8..9, 1..4),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        rows in 0usize..100,
    ) {
        let mut page = vec![0, kinds.len() as u8];
        page.extend(kinds.iter().flat_map(|kind| [*kind, 0]));
        page.extend(bytes);
        for wanted in [0..rows, rows / 3..rows / 2] {
            if let Ok(cells) = decoded(&page, rows, wanted.clone()) {
                prop_assert_eq!(cells.len(), wanted.len());
            }
        }
    }
}
