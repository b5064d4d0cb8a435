//! Blocks of user ids: 64 ids, packed by what they have in common, each readable by itself.
//!
//! A block is the prefix that all of its ids share (its length as a varint, its bytes), the form of
//! what follows it in each id (one byte), and that, in the form that takes the fewest bytes.

use crate::codec::cursor::{put_varint, take, u8, varint, varint_usize};
use crate::codec::ints::{bits_at, pack, packed_bytes, width_of};
use crate::limits::USER_ID_BYTES_MAX;

/// Ids of a full block.
pub(super) const BLOCK_IDS: usize = 64;

/// Rests as they are: where each but the first starts (u16), then their bytes.
pub(super) const FORM_PLAIN: u8 = 0;
/// Rests are whole numbers without needless zeros in front: the least (varint), bits of the
/// differences to it (one byte), and the differences, packed.
pub(super) const FORM_NUMBERS: u8 = 1;
/// Rests are of one length and, place by place, of one alphabet: runs of places, then the letters
/// of all ids, packed.
pub(super) const FORM_LETTERS: u8 = 2;

/// What letters a run of places has, and the bits of each: the position is the code in the file.
const ALPHABETS: [(&[u8], u32); 6] = [
    // The same letters in all ids: they stand in the run.
    (b"", 0),
    (b"0123456789abcdef", 4),
    (b"0123456789ABCDEF", 4),
    (b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", 5),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6),
    // Any byte, as it is.
    (b"", 8),
];
const SAME: u8 = 0;
const ANY: u8 = 5;
const RUN_MAX: usize = u8::MAX as usize;

/// By byte: a bit for each alphabet that it is a letter of.
const LETTERS: [u8; 256] = {
    let mut letters = [1 << ANY; 256];
    let mut alphabet = 0;
    while alphabet < ALPHABETS.len() {
        let mut letter = 0;
        while letter < ALPHABETS[alphabet].0.len() {
            letters[ALPHABETS[alphabet].0[letter] as usize] |= 1 << alphabet;
            letter += 1;
        }
        alphabet += 1;
    }
    letters
};

/// By alphabet and byte: the letter's code.
const CODES: [[u8; 256]; ALPHABETS.len()] = {
    let mut codes = [[0; 256]; ALPHABETS.len()];
    let mut alphabet = 0;
    while alphabet < ALPHABETS.len() {
        let mut letter = 0;
        while letter < ALPHABETS[alphabet].0.len() {
            codes[alphabet][ALPHABETS[alphabet].0[letter] as usize] = letter as u8;
            letter += 1;
        }
        alphabet += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        codes[ANY as usize][byte] = byte as u8;
        byte += 1;
    }
    codes
};

/// Neighbouring places of one alphabet.
struct Run {
    alphabet: u8,
    places: usize,
}

/// Appends a block of these ids, `BLOCK_IDS` at most.
pub(super) fn encode(ids: &[&[u8]], out: &mut Vec<u8>) {
    let Some((first, others)) = ids.split_first() else { return };
    let common = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let shared = others.iter().map(|id| common(first, id)).min().unwrap_or(first.len());
    // The digits of numbers stay together, whatever they begin with.
    let digits = first[..shared].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = out.len();
    let mut trial = Vec::new();
    let prefixes = [shared, shared - digits];
    for &prefix in prefixes.iter().take(1 + digits.min(1)) {
        let rests: Vec<&[u8]> = ids.iter().map(|id| &id[prefix..]).collect();
        for form in [plain, numbers, letters] {
            trial.clear();
            put_varint(prefix as u64, &mut trial);
            trial.extend_from_slice(&first[..prefix]);
            let fits = form(&rests, &mut trial).is_some();
            if fits && (out.len() == before || trial.len() < out.len() - before) {
                out.truncate(before);
                out.extend_from_slice(&trial);
            }
        }
    }
}

fn plain(rests: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    out.push(FORM_PLAIN);
    let mut start = 0;
    for rest in rests.iter().take(rests.len() - 1) {
        start += rest.len();
        // 63 ids of 1,024 bytes end below 65,536.
        out.extend((start as u16).to_le_bytes());
    }
    rests.iter().for_each(|rest| out.extend_from_slice(rest));
    Some(())
}

fn numbers(rests: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let number = |rest: &&[u8]| -> Option<u64> {
        let is_written_so =
            rest.iter().all(u8::is_ascii_digit) && (rest[0] != b'0' || rest.len() == 1);
        std::str::from_utf8(rest).ok().filter(|_| is_written_so)?.parse().ok()
    };
    if rests.iter().any(|rest| rest.is_empty()) {
        return None;
    }
    let numbers = rests.iter().map(number).collect::<Option<Vec<u64>>>()?;
    let (least, most) = (*numbers.iter().min()?, *numbers.iter().max()?);
    let width = width_of(most - least);
    out.push(FORM_NUMBERS);
    put_varint(least, out);
    out.push(width as u8);
    pack(numbers.iter().map(|number| number - least), width, out);
    Some(())
}

fn letters(rests: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let first = rests.first()?;
    if rests.iter().any(|rest| rest.len() != first.len()) {
        return None;
    }
    let alphabet = |place: usize| {
        let is_same = rests.iter().all(|rest| rest[place] == first[place]);
        let shared =
            rests.iter().fold(u8::MAX, |all, rest| all & LETTERS[usize::from(rest[place])]);
        if is_same { SAME } else { shared.trailing_zeros() as u8 }
    };
    let mut runs: Vec<Run> = Vec::new();
    for alphabet in (0..first.len()).map(alphabet) {
        match runs.last_mut() {
            Some(run) if run.alphabet == alphabet && run.places < RUN_MAX => run.places += 1,
            _ => runs.push(Run { alphabet, places: 1 }),
        }
    }
    out.push(FORM_LETTERS);
    put_varint(runs.len() as u64, out);
    let mut place = 0;
    for run in &runs {
        out.extend([run.alphabet, run.places as u8]);
        if run.alphabet == SAME {
            out.extend_from_slice(&first[place..place + run.places]);
        }
        place += run.places;
    }
    pack_letters(rests, &runs, out);
    Some(())
}

fn pack_letters(rests: &[&[u8]], runs: &[Run], out: &mut Vec<u8>) {
    let (mut word, mut used) = (0u64, 0);
    for rest in rests {
        let mut places = rest.iter();
        for run in runs {
            let alphabet = usize::from(run.alphabet);
            let (codes, bits) = (&CODES[alphabet], ALPHABETS[alphabet].1);
            for letter in places.by_ref().take(run.places).filter(|_| bits > 0) {
                word |= u64::from(codes[usize::from(*letter)]) << used;
                used += bits;
                while used >= 8 {
                    out.push(word as u8);
                    (word, used) = (word >> 8, used - 8);
                }
            }
        }
    }
    if used > 0 {
        out.push(word as u8);
    }
}

/// Shows the id at a place of a block of so many, piece by piece from its first byte on. Any bytes
/// are read in bounded time, and answer no more than two of the longest ids.
pub(super) fn read(
    block: &[u8],
    ids: usize,
    at: usize,
    mut piece: impl FnMut(&[u8]),
) -> Result<(), String> {
    let mut input = block;
    let prefix = varint_usize(&mut input)?;
    if prefix > USER_ID_BYTES_MAX || at >= ids {
        return Err(format!("a prefix of {prefix} bytes"));
    }
    piece(take(&mut input, prefix)?);
    match u8(&mut input)? {
        FORM_PLAIN => piece(read_plain(input, ids, at).ok_or("an id ends beyond its block")?),
        FORM_NUMBERS => {
            let (least, width) = (varint(&mut input)?, u32::from(u8(&mut input)?));
            if width > 64 || input.len() != packed_bytes(ids, width) {
                return Err(format!("numbers of {width} bits in {} bytes", input.len()));
            }
            let number = least.wrapping_add(bits_at(input, at * width as usize, width));
            piece(number.to_string().as_bytes());
        }
        FORM_LETTERS => return read_letters(input, ids, at, piece),
        form => return Err(format!("ids of the unknown form {form}")),
    }
    Ok(())
}

fn read_plain(input: &[u8], ids: usize, at: usize) -> Option<&[u8]> {
    let (starts, bytes) = input.split_at_checked(2 * ids.checked_sub(1)?)?;
    let start = |at: usize| Some(usize::from(u16::from_le_bytes(*starts.as_chunks().0.get(at)?)));
    let from = if at == 0 { 0 } else { start(at - 1)? };
    let to = if at + 1 == ids { bytes.len() } else { start(at)? };
    bytes.get(from..to).filter(|rest| rest.len() <= USER_ID_BYTES_MAX)
}

fn read_letters(
    input: &[u8],
    ids: usize,
    at: usize,
    mut piece: impl FnMut(&[u8]),
) -> Result<(), String> {
    let mut input = input;
    let count = varint_usize(&mut input)?;
    // The bits of an id stand behind the runs: they are walked twice.
    let (mut rest, mut places, mut bits) = (input, 0, 0);
    for _ in 0..count.min(USER_ID_BYTES_MAX + 1) {
        let (run, _) = read_run(&mut rest)?;
        places += run.places;
        bits += run.places * ALPHABETS[usize::from(run.alphabet)].1 as usize;
    }
    if places > USER_ID_BYTES_MAX || count > places || rest.len() != packed_bytes(ids, bits as u32)
    {
        return Err(format!("{places} letters of {bits} bits in {} bytes", rest.len()));
    }
    let (packed, mut bit) = (rest, at * bits);
    let mut text = [0; RUN_MAX];
    for _ in 0..count {
        let (run, same) = read_run(&mut input)?;
        let (alphabet, bits) = ALPHABETS[usize::from(run.alphabet)];
        if run.alphabet == SAME {
            piece(same);
            continue;
        }
        let text = &mut text[..run.places];
        for group in text.chunks_mut((64 / bits) as usize) {
            let group_bits = bits * group.len() as u32;
            let mut word = bits_at(packed, bit, group_bits);
            bit += group_bits as usize;
            for letter in group {
                let code = word & ((1 << bits) - 1);
                *letter = alphabet.get(code as usize).copied().unwrap_or(code as u8);
                word >>= bits;
            }
        }
        piece(text);
    }
    Ok(())
}

/// A run, and its letters where they are the same in all ids.
fn read_run<'a>(input: &mut &'a [u8]) -> Result<(Run, &'a [u8]), String> {
    let (alphabet, places) = (u8(input)?, usize::from(u8(input)?));
    if usize::from(alphabet) >= ALPHABETS.len() || places == 0 {
        return Err(format!("{places} letters of the unknown alphabet {alphabet}"));
    }
    let same = if alphabet == SAME { take(input, places)? } else { &[] };
    Ok((Run { alphabet, places }, same))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn encoded(ids: &[&[u8]]) -> Vec<u8> {
        let mut block = Vec::new();
        encode(ids, &mut block);
        block
    }

    fn ids_of(block: &[u8], count: usize) -> Result<Vec<Vec<u8>>, String> {
        let id = |at| {
            let mut id = Vec::new();
            read(block, count, at, |piece| id.extend_from_slice(piece))?;
            Ok(id)
        };
        (0..count).map(id).collect()
    }

    /// Form of a block of these ids, which come back, and its bytes.
    fn form_of(ids: impl Iterator<Item = String>) -> (u8, usize) {
        let ids: Vec<String> = ids.collect();
        let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes()).collect();
        let block = encoded(&ids);
        assert_eq!(ids_of(&block, ids.len()).unwrap(), ids);
        (block[1 + usize::from(block[0])], block.len())
    }

    fn mixed(i: u64) -> u64 {
        i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i << 17
    }

    #[test]
    fn each_kind_of_id_takes_the_form_that_suits_it() {
        let hex = |i| format!("u{:016x}", mixed(i));
        assert_eq!(form_of((1..=64).map(hex)), (FORM_LETTERS, 2 + 4 + 64 * 8));
        let uuid = |i| {
            let (a, b) = (mixed(i), mixed(i + 99));
            format!("{:08x}-{:04x}-4{:03x}-{:016x}", a >> 32, a & 0xffff, a >> 16 & 0xfff, b)
        };
        let (form, bytes) = form_of((1..=64).map(uuid));
        assert!(form == FORM_LETTERS && bytes < 64 * 16 + 24, "{bytes}");
        let upper = |i| format!("{:016X}-{:012X}", mixed(i), mixed(i + 9) >> 16);
        assert!(form_of((1..=64).map(upper)).1 < 64 * 14 + 16);
        assert_eq!(form_of((1..=64).map(|i| (1_000_000 + i).to_string())).0, FORM_NUMBERS);
        // Seven bits each, though the lengths differ and most begin alike.
        assert_eq!(form_of((90..154).map(|i| format!("user-{i}"))), (FORM_NUMBERS, 6 + 3 + 48));
        assert_eq!(form_of([u64::MAX, 0].map(|i| i.to_string()).into_iter()).0, FORM_NUMBERS);
        let name = |i: u64| format!("{}@example.org", "x".repeat(i as usize % 7 + 1));
        assert_eq!(form_of((0..64).map(name)).0, FORM_PLAIN);
        assert_eq!(form_of(["one".to_string()].into_iter()).1, 5);
        assert_eq!(
            form_of(std::iter::once("x".repeat(USER_ID_BYTES_MAX))).1,
            3 + USER_ID_BYTES_MAX
        );
    }

    /// `docs/file-format.md` says what the code does.
    #[test]
    fn the_document_has_the_alphabets() {
        let page = include_str!("../../docs/file-format.md");
        for (code, (letters, bits)) in ALPHABETS.iter().enumerate() {
            let letters = match code {
                0 => "the same in all ids of the block".to_owned(),
                5 => "any byte".to_owned(),
                _ => format!("`{}`", std::str::from_utf8(letters).unwrap()),
            };
            let row = format!("| {code} | {letters} | {bits} |");
            assert!(page.contains(&row), "{row}");
        }
        assert!(page.contains(&format!("Blocks of {BLOCK_IDS} ids")));
        assert_eq!([FORM_PLAIN, FORM_NUMBERS, FORM_LETTERS], [0, 1, 2]);
    }

    #[test]
    fn numbers_that_are_written_otherwise_stay_texts() {
        for ids in
            [["007", "8"], ["+5", "6"], ["", "1"], ["18446744073709551616", "1"], ["00", "0"]]
        {
            form_of(ids.map(str::to_owned).into_iter());
        }
    }

    proptest! {
        #[test]
        fn ids_of_any_bytes_come_back(
            prefix in prop::collection::vec(any::<u8>(), 0..9),
            rests in prop_oneof![
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=64),
                prop::collection::vec(prop::collection::vec(any::<u8>(), 12), 1..=64),
                prop::collection::vec("[0-9]{1,21}".prop_map(String::into_bytes), 1..=64),
                prop::collection::vec("[0-9a-f]{9}-[0-9A-F]{7}[A-Z0-9]{3}[A-Za-z_-]{5}"
                    .prop_map(String::into_bytes), 1..=64),
                prop::collection::vec("[a-z]{300}".prop_map(String::into_bytes), 1..4),
            ],
        ) {
            let ids: Vec<Vec<u8>> = rests.iter().map(|rest| [&prefix[..], rest].concat()).collect();
            let slices: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
            let block = encoded(&slices);
            prop_assert_eq!(&ids_of(&block, ids.len()).unwrap(), &ids);
            for length in 0..block.len() {
                // Cut blocks answer something else or nothing, and never too much.
                let cut = ids_of(&block[..length], slices.len()).unwrap_or_default();
                prop_assert!(cut.iter().all(|id| id.len() <= 2 * USER_ID_BYTES_MAX));
            }
        }

        #[test]
        fn any_bytes_are_refused_or_read(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300),
            form in 0u8..4,
            ids in 1usize..=64,
        ) {
            bytes.splice(0..0, [1, b'x', form]);
            if let Ok(ids) = ids_of(&bytes, ids) {
                prop_assert!(ids.iter().all(|id| id.len() <= 2 * USER_ID_BYTES_MAX));
            }
        }
    }
}
