//! Hot loops with something to do, for the benches of this repository, and decoders with anything
//! to read, for its fuzzing: neither can be called from outside otherwise. No part of the library
//! for anybody else, and without a promise of any kind.

pub mod fuzz;

use crate::codec::bits::{Bits, Container};
use crate::codec::level;
use crate::codec::ranks::{self, Ranks};
use crate::codec::{counts, ints};
use crate::db::Db;
use crate::error::Result;
use crate::scan::kernels::{self, SlicedCounters, StateInputs};
use crate::write::{Environment, Options};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Makes a database on this machine, or opens it, whose clock is the caller's: microseconds since
/// 1970, so that a bench passes a month in a minute.
///
/// # Errors
/// As [`Db::create`] and [`Db::open`].
pub fn open_at(path: &Path, options: Options, clock: &Arc<AtomicI64>, is_new: bool) -> Result<Db> {
    let clock = clock.clone();
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let env = Environment { clock, ..Environment::machine(true) };
    match is_new {
        true => Db::create_in(&env, path, options),
        false => Db::open_in(&env, path, options),
    }
}

/// A hot loop and its input.
pub struct Kernel {
    /// What it does.
    pub name: &'static str,
    run: Box<dyn FnMut() -> u64>,
}

impl Kernel {
    /// Runs it once; the number is of no meaning.
    #[inline(never)]
    pub fn run(&mut self) -> u64 {
        (self.run)()
    }
}

fn kernel(name: &'static str, run: impl FnMut() -> u64 + 'static) -> Kernel {
    Kernel { name, run: Box::new(run) }
}

/// The vector instructions that they run with.
pub fn level() -> &'static str {
    level::name()
}

/// All of them.
pub fn kernels() -> Vec<Kernel> {
    let mut all = containers();
    all.extend(of_ranks());
    all.extend(numbers());
    all.extend(words());
    all.extend(counters());
    all
}

/// Numbers that look random, the same each time.
fn draws(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
}

/// So many users of a chunk, ascending.
fn users(seed: u64, count: usize) -> Vec<u16> {
    let mut users = BTreeSet::new();
    for draw in draws(seed) {
        if users.len() == count {
            break;
        }
        users.insert((draw & 0xffff) as u16);
    }
    users.into_iter().collect()
}

fn bits(seed: u64, count: usize) -> Bits {
    let mut bits = Bits::EMPTY;
    users(seed, count).into_iter().for_each(|user| bits.insert(user));
    bits
}

/// A container's kind, how many it holds, and its bytes.
#[derive(Clone)]
struct Encoded {
    kind: u8,
    cardinality: u32,
    bytes: Vec<u8>,
}

impl Encoded {
    fn of(users: &[u16]) -> Encoded {
        let mut bytes = Vec::new();
        let kind = Container::encode(users, &mut bytes) as u8;
        Encoded { kind, cardinality: users.len() as u32, bytes }
    }

    fn shaped(&self) -> Option<Container<'_>> {
        Container::shaped(self.kind, self.cardinality, &self.bytes).ok()
    }

    /// ORed into bits, over and over.
    fn set(self, name: &'static str) -> Kernel {
        let mut bits = Bits::EMPTY;
        kernel(name, move || {
            self.shaped().into_iter().for_each(|container| container.or_into(&mut bits));
            bits.0[7]
        })
    }

    fn parsed(self, name: &'static str) -> Kernel {
        kernel(name, move || {
            let parsed = Container::parse(self.kind, self.cardinality, &self.bytes);
            parsed.map_or(0, |container| u64::from(container.cardinality()))
        })
    }

    fn listed(self, name: &'static str) -> Kernel {
        kernel(name, move || self.shaped().map_or(0, |container| container.lows().len() as u64))
    }
}

fn containers() -> Vec<Kernel> {
    let (few, many) = (users(1, 1_500), users(2, 20_000));
    let near: Vec<u16> = (0u16..60_000).filter(|user| user % 100 != 0).collect();
    let [few, many, near] = [few, many, near].map(|users| Encoded::of(&users));
    vec![
        few.clone().set("array_into_bits"),
        many.clone().set("bitmap_into_bits"),
        near.set("runs_into_bits"),
        few.clone().parsed("parse_array"),
        many.clone().parsed("parse_bitmap"),
        few.listed("array_to_numbers"),
        many.listed("bitmap_to_numbers"),
    ]
}

/// Some of the users of a bitmap, ORed into bits.
fn ranks_into_bits(name: &'static str, one_of: u64) -> Kernel {
    let all = Encoded::of(&users(3, 20_000));
    let drawn = (0..20_000).zip(draws(11)).filter(|(_, draw)| draw % one_of == 0);
    let ranks: Vec<i64> = drawn.map(|(rank, _)| rank).collect();
    let mut bytes = Vec::new();
    let kind = ranks::encode(20_000, &ranks, &mut bytes);
    let mut bits = Bits::EMPTY;
    kernel(name, move || {
        let told = all.shaped().map(|all| Ranks::shaped(kind, all, ranks.len() as u32, &bytes));
        told.into_iter().flatten().for_each(|ranks| ranks.or_into(&mut bits));
        bits.0[7]
    })
}

fn of_ranks() -> Vec<Kernel> {
    vec![ranks_into_bits("ranks_into_bits", 4), ranks_into_bits("packed_ranks_into_bits", 100)]
}

fn numbers() -> Vec<Kernel> {
    let plain: Vec<i64> = draws(4).map(|draw| (draw % 8_000) as i64).take(16_384).collect();
    let mut rising = plain.clone();
    rising.sort_unstable();
    let decode = |name, values: &[i64]| {
        let (mut bytes, count) = (Vec::new(), values.len());
        ints::encode(values, &mut bytes);
        kernel(name, move || {
            let mut sum = 0;
            let decoded = ints::decode_frames(&mut &bytes[..], count, 0..count, |frame| {
                sum ^= frame.last().copied().unwrap_or_default() as u64;
            });
            sum + u64::from(decoded.is_ok())
        })
    };
    let (unpacked, differences) =
        (decode("packed_numbers", &plain), decode("packed_steps", &rising));
    let rows: Vec<i64> = draws(5).map(|draw| 1 + (draw % 10 / 9) as i64).take(16_384).collect();
    let (mut bytes, sum) = (Vec::new(), rows.iter().sum::<i64>());
    counts::encode(&rows, &mut bytes);
    let counted = kernel("row_counts", move || {
        counts::decode(&bytes, rows.len(), sum as u32).map_or(0, |counts| counts.len() as u64)
    });
    let encoded = kernel("pack_numbers", move || {
        let mut bytes = Vec::new();
        ints::encode(&plain, &mut bytes);
        bytes.len() as u64
    });
    vec![unpacked, differences, counted, encoded]
}

fn words() -> Vec<Kernel> {
    let sets = || [bits(6, 9_000), bits(7, 30_000), bits(8, 20_000), bits(9, 25_000)];
    let ([mut into, more, ..], [now, seen, before, _]) = (sets(), sets());
    let [one, other, ..] = sets();
    let ([mut known, arriving, mut new, _], [today, ever, week, month]) = (sets(), sets());
    let tomorrow = bits(10, 9_000);
    vec![
        kernel("or", move || {
            kernels::or(&mut into, &more);
            into.0[7]
        }),
        kernel("count_and_not", move || kernels::count_and_not(&one, &other)),
        kernel("first_seen", move || {
            kernels::first_seen(&mut known, &arriving, &mut new);
            new.0[7]
        }),
        kernel("flows", move || kernels::flows(&now, &seen, &before).retained),
        kernel("states", move || {
            let inputs = StateInputs {
                today: &today,
                seen: &ever,
                week: &week,
                month: &month,
                tomorrow: &tomorrow,
            };
            kernels::states(&inputs).back[1]
        }),
    ]
}

fn counters() -> Vec<Kernel> {
    let days: Vec<Bits> = (0..28).map(|day| bits(100 + day, 9_000)).collect();
    vec![kernel("days_of_each", move || {
        let mut counters = SlicedCounters::new();
        days.iter().for_each(|day| counters.increment(&mut day.clone()));
        let mut sum = 0;
        counters.each_number(|number, users| sum += number * users);
        sum
    })]
}
