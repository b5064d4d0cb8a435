//! `docs/file-format.md` says what the code does.

use crate::codec::bits::ContainerKind;
use crate::codec::counts::{COUNTS_FLAGGED, COUNTS_PACKED};
use crate::codec::ints::{DELTA_FLAG, FRAME_VALUES, SPLIT_BASE};
use crate::codec::record::{FORMAT_VERSION, LEAST_READER};
use crate::day::format::*;
use crate::day::index::INDEX_VALUES_MAX;
use crate::day::summary::SUMMARY_MAGIC;
use crate::limits::PAGE_ROWS_MAX;
use std::mem::offset_of;

const DOC: &str = include_str!("../../../docs/file-format.md");

/// Cells of the table rows of a piece of the page.
fn table(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.split('|').skip(1).map(|c| c.trim().to_string()).collect();
    text.lines().filter(|line| line.starts_with("| ")).map(cells).collect()
}

/// The first table after a struct's name is its fields: offset, bytes, name.
fn check_struct(name: &str, size: usize, fields: &[(&str, usize)]) {
    let after = DOC.split_once(&format!("`{name}`")).unwrap_or_else(|| panic!("no {name}")).1;
    let text: String = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| [line, "\n"])
        .collect();
    let rows = table(&text);
    let found: Vec<(String, String, String)> =
        rows[1..].iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect();
    let ends = fields.iter().skip(1).map(|field| field.1).chain([size]);
    let expected: Vec<_> = fields
        .iter()
        .zip(ends)
        .map(|((name, at), end)| (at.to_string(), (end - at).to_string(), format!("`{name}`")))
        .collect();
    assert_eq!(found, expected, "{name}");
}

macro_rules! check_struct {
    ($name:ident: $($field:ident)*) => {
        check_struct(
            stringify!($name),
            size_of::<$name>(),
            &[$((stringify!($field), offset_of!($name, $field))),*],
        )
    };
}

#[test]
fn the_records_are_as_documented() {
    check_struct!(FileHeader: magic version least_reader database kind generation sequence_first
        sequence_last replaces crc);
    check_struct!(FileFooter: offset length crc magic);
    check_struct!(PartRecord: offset length crc);
    check_struct!(SectionFooter: day start end chunks names texts insert_ids blocks index
        amounts crc magic);
    check_struct!(BlockRecord: entity presence_kind activity chunk cardinality rows presence counts
        head pages_length);
    check_struct!(AmountRecord: property activity count sum_kind sum_scale least_kind least_scale
        greatest_kind greatest_scale reserved sum least greatest);
    check_struct!(IndexRecord: activity property chunk value_kind scale presence_kind reserved value
        cardinality presence);
}

fn check_constant(name: &str, value: &str) {
    let rows = table(DOC);
    let found = rows.iter().find(|row| row[0] == format!("`{name}`"));
    let found = found.unwrap_or_else(|| panic!("{name} is not in the page"));
    let told = found[1].split(" (").next().unwrap_or_default().trim_matches('`');
    assert_eq!(told, value, "{name}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

macro_rules! check_constants {
    ($($name:path)*) => { $(check_constant(stringify!($name), &$name.to_string());)* };
}

#[test]
fn the_constants_are_as_documented() {
    check_constant("DAY_MAGIC", &hex(&DAY_MAGIC));
    check_constant("SECTION_MAGIC", &hex(&SECTION_MAGIC));
    check_constant("SUMMARY_MAGIC", &hex(&SUMMARY_MAGIC));
    check_constants!(FORMAT_VERSION LEAST_READER KIND_DAY ENTITY_USER ANY
        CHUNK_PACKED CHUNK_NONE PACKED_BELOW PAGE_ROWS_MAX PRESENCE_PACKED PRESENCE_NONE
        PRESENCE_ALL PRESENCE_RANKS PRESENCE_PLACES COUNTS_PACKED COUNTS_FLAGGED FLOAT_SCALE_MAX
        value_kind::SCALED_FLOAT COLUMN_PER_USER FRAME_VALUES DELTA_FLAG SPLIT_BASE
        INDEX_VALUES_MAX
        value_kind::NULL value_kind::BOOL value_kind::INTEGER value_kind::DECIMAL
        value_kind::WIDE_DECIMAL value_kind::FLOAT value_kind::TEXT_CODE value_kind::TEXT_PLAIN);
    for kind in [ContainerKind::Array, ContainerKind::Bitmap, ContainerKind::Runs] {
        check_constant(&format!("ContainerKind::{kind:?}"), &(kind as u8).to_string());
    }
}
