//! Packed numbers, containers, texts: what they read, they read the same by every way.

use super::input::Input;
use crate::codec::bits::{Bits, Container};
use crate::codec::ranks::{self, Ranks, RanksKind};
use crate::codec::{counts as row_counts, ints as packed_ints};
use crate::day::block::parts::{ColumnPage, Decoded, PackedTimes, StringList, TextList};
use crate::day::block::parts::{decode_times, encode_list};
use crate::day::rows::Cell;

const DAY_US: i64 = 86_400_000_000;
/// Values of an input; a few frames.
const VALUES_MAX: usize = 5_000;

/// A container at the front of an input: kind, cardinality, then its bytes.
fn container_of<'a>(input: &mut Input<'a>, bytes: usize) -> (u8, u32, &'a [u8]) {
    let (kind, cardinality) = (input.u8() % 4, u32::from(input.u16()) + 1);
    (kind, cardinality, input.bytes(bytes))
}

/// Reads the users by every way; they are the same.
fn users_of(container: &Container<'_>) -> Vec<u16> {
    let lows = container.lows();
    let mut visited = Vec::new();
    container.for_each(|low| visited.push(low));
    assert_eq!(visited, lows, "a visit and a list");
    let mut bits = Bits::EMPTY;
    container.or_into(&mut bits);
    assert!(lows.iter().all(|low| bits.contains(*low)), "a list and its bits");
    lows
}

pub(super) fn container(data: &[u8]) -> bool {
    let (kind, cardinality, bytes) = container_of(&mut Input(data), data.len());
    if let Ok(shaped) = Container::shaped(kind, cardinality, bytes) {
        // Only what was parsed before is read so, but nothing else may do harm.
        shaped.or_into(&mut Bits::EMPTY.clone());
        shaped.for_each(|_| {});
    }
    let Ok(parsed) = Container::parse(kind, cardinality, bytes) else { return false };
    let lows = users_of(&parsed);
    assert_eq!(lows.len(), cardinality as usize);
    assert!(lows.is_sorted_by(|a, b| a < b), "users in order");
    let mut again = Vec::new();
    let kind = Container::encode(&lows, &mut again) as u8;
    let parsed = Container::parse(kind, cardinality, &again).map(|parsed| users_of(&parsed));
    assert_eq!(parsed, Ok(lows), "written anew");
    true
}

pub(super) fn ranks(data: &[u8]) -> bool {
    let mut input = Input(data);
    let bytes = input.up_to(1 << 13);
    let (kind, of, bytes) = container_of(&mut input, bytes);
    let Ok(all) = Container::parse(kind, of, bytes) else { return false };
    let kind = if input.u8() % 2 == 0 { RanksKind::Bits } else { RanksKind::Packed };
    let cardinality = u32::from(input.u16()) + 1;
    let bytes = input.rest();
    if let Ok(shaped) = Ranks::shaped(kind, all, cardinality, bytes) {
        shaped.or_into(&mut Bits::EMPTY.clone());
        shaped.for_each(|_| {});
        shaped.for_each_rank(|_| {});
    }
    let Ok(some) = Ranks::parse(kind, all, cardinality, bytes) else { return false };
    let (lows, mut users, mut ranks_of) = (all.lows(), Vec::new(), Vec::new());
    some.for_each(|low| users.push(low));
    some.for_each_rank(|rank| ranks_of.push(i64::from(rank)));
    let mut bits = Bits::EMPTY;
    some.or_into(&mut bits);
    assert!(bits.iter().eq(users.iter().copied()), "a list and its bits");
    assert_eq!(users.len(), cardinality as usize);
    assert!(ranks_of.iter().map(|rank| lows[*rank as usize]).eq(users.iter().copied()), "ranks");
    let mut again = Vec::new();
    let kind = ranks::encode(lows.len(), &ranks_of, &mut again);
    let parsed = Ranks::parse(kind, all, cardinality, &again);
    let mut told = Vec::new();
    parsed.into_iter().for_each(|ranks| ranks.for_each(|low| told.push(low)));
    assert_eq!(told, users, "written anew");
    true
}

pub(super) fn ints(data: &[u8]) -> bool {
    let mut input = Input(data);
    let count = input.up_to(VALUES_MAX);
    let (from, to) = (input.up_to(count), input.up_to(count));
    let wanted = from.min(to)..from.max(to);
    let bytes = input.rest();
    let (mut whole, mut part, mut narrow, mut packed) = (bytes, bytes, bytes, bytes);
    let decoded = packed_ints::decode(&mut whole, count);
    let some = packed_ints::decode_range(&mut part, count, wanted.clone());
    let narrows = packed_ints::decode_bytes(&mut narrow, count);
    let places = packed_ints::Packed::read(&mut packed, count);
    let Ok(values) = decoded else {
        assert!(some.is_err() && narrows.is_err() && places.is_err(), "one way reads it");
        return false;
    };
    assert_eq!(some.as_deref(), Ok(&values[wanted]), "some of all");
    let fit = values.iter().map(|value| u8::try_from(*value).ok());
    assert_eq!(narrows, Ok(fit.collect::<Option<Vec<u8>>>()), "as bytes");
    let at = |place| places.as_ref().map_or(0, |places| places.get(place));
    assert!((0..count).map(at).eq(values.iter().copied()), "one by one");
    assert!(whole == part && whole == narrow && whole == packed, "as far as each other");
    let mut again = Vec::new();
    packed_ints::encode(&values, &mut again);
    assert_eq!(packed_ints::decode(&mut &again[..], count), Ok(values), "written anew");
    true
}

pub(super) fn counts(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (users, rows) = (input.up_to(VALUES_MAX), input.u32());
    let Ok(counts) = row_counts::decode(input.rest(), users, rows) else { return false };
    assert_eq!(counts.len(), users);
    assert_eq!(counts.iter().map(|count| u64::from(*count)).sum::<u64>(), u64::from(rows));
    let wide: Vec<i64> = counts.iter().map(|count| i64::from(*count)).collect();
    let mut again = Vec::new();
    row_counts::encode(&wide, &mut again);
    // Of nobody there is nothing to write.
    assert!(users == 0 || row_counts::decode(&again, users, rows) == Ok(counts), "written anew");
    true
}

pub(super) fn strings(data: &[u8]) -> bool {
    let mut input = Input(data);
    let properties = input.up_to(20);
    let bytes = input.rest();
    if let Ok(texts) = TextList::read(bytes, properties) {
        let _ = texts.check();
        for property in 0..properties as u16 + 1 {
            let _ = texts.codes(property).try_for_each(|code| texts.get(property, code).map(drop));
        }
    }
    let mut rest = bytes;
    let Ok(list) = StringList::read(&mut rest) else { return false };
    let Ok(strings) = list.iter().collect::<Result<Vec<_>, _>>() else { return false };
    let mut again = Vec::new();
    encode_list(strings.iter().map(|text| text.as_bytes()), &mut again);
    let read = StringList::read(&mut &again[..]).and_then(|list| list.iter().collect());
    assert_eq!(read, Ok(strings), "written anew");
    true
}

pub(super) fn column(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (count, dictionary) = (input.up_to(VALUES_MAX), input.u8().into());
    let (from, to) = (input.up_to(count), input.up_to(count));
    let wanted = from.min(to)..from.max(to);
    let Ok(page) = ColumnPage::read(input.rest()) else { return false };
    let (_, _) = (page.kinds(), page.misses_some());
    let (mut all, mut some) = (Decoded::default(), Decoded::default());
    let part = page.decode(count, wanted.clone(), dictionary, &mut some);
    let codes = page.decode_codes(count, 0..count, dictionary);
    let bytes = page.byte_codes(count, dictionary);
    if page.decode(count, 0..count, dictionary, &mut all).is_err() {
        return false;
    }
    assert_eq!(all.cells.len(), count);
    assert!(part.is_err() || some.cells.len() == wanted.len(), "some of all");
    let texts = all.cells.iter().map(|cell| match cell {
        Cell::Text(code) => Some(*code),
        _ => None,
    });
    let texts: Option<Vec<u32>> = texts.collect();
    if let Ok(Some(codes)) = codes {
        assert_eq!(texts.as_ref(), Some(&codes), "as codes");
    }
    if let Ok(Some(bytes)) = bytes {
        let wide = bytes.into_iter().map(u32::from).collect();
        assert_eq!(texts, Some(wide), "as codes of a byte");
    }
    true
}

pub(super) fn times(data: &[u8]) -> bool {
    let mut input = Input(data);
    let rows = input.up_to(VALUES_MAX);
    let (from, to) = (input.up_to(rows), input.up_to(rows));
    let wanted = from.min(to)..from.max(to);
    let bytes = input.rest();
    let (mut all, mut some) = (Vec::new(), Vec::new());
    let whole = decode_times(bytes, rows, 0..rows, (0, DAY_US), &mut all);
    let part = decode_times(bytes, rows, wanted.clone(), (0, DAY_US), &mut some);
    let packed = PackedTimes::read(bytes, rows);
    if whole.is_err() {
        return false;
    }
    assert!(all.iter().all(|time| (0..DAY_US).contains(time)), "times within the day");
    assert_eq!((part, &some[..]), (Ok(()), &all[wanted]), "some of all");
    let at = |row| packed.as_ref().map_or(-1, |packed| packed.get(row));
    assert!((0..rows).map(at).eq(all.iter().copied()), "one by one");
    true
}
