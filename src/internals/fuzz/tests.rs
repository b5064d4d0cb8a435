//! What fuzzing has found stays mended: every input that once failed, every seed, and seeds with
//! some changes, in bounded time and memory.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::*;
use crate::fs::simulated::Random;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changed inputs of each target, and of one that takes a whole database; `FUZZ=n` makes more.
const CHANGED: u64 = 60;
const CHANGED_WHOLE: u64 = 8;
/// What reading one small input may hold at once.
const BYTES_MAX: u64 = 64 << 20;
const TIME_MAX: Duration = Duration::from_secs(5);

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn inputs_of(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(corpus().join(name)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs a target within its bounds; whether it took the input whole.
fn bounded(name: &str, target: Target, input: &[u8]) -> bool {
    let (begin, mut taken) = (Instant::now(), false);
    let allocated = allocation_counter::measure(|| taken = target(input)).bytes_max;
    let took = begin.elapsed();
    assert!(allocated < BYTES_MAX, "{name} held {allocated} bytes for {} of input", input.len());
    assert!(took < TIME_MAX, "{name} took {took:?} for {} bytes of input", input.len());
    taken
}

fn changed(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            0 => input.truncate(at),
            1 => input.insert(at, random.next() as u8),
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.extend_from_within(at..),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = [random.next() as u8, *byte ^ 1 << random.below(8), 0, 255]
                        [random.below(4)];
                }
            }
        }
    }
    input.truncate(1 << 16);
    input
}

#[test]
fn every_seed_is_taken_whole() {
    let seeds: BTreeMap<&str, Vec<Vec<u8>>> = seeds().into_iter().collect();
    let mut refused = Vec::new();
    for (name, target) in TARGETS {
        assert!(!seeds[name].is_empty(), "{name} has seeds");
        let of_target = seeds[name].iter().enumerate();
        let of_target = of_target.filter(|(_, seed)| !bounded(name, *target, seed));
        refused.extend(of_target.map(|(number, _)| format!("seed {number} of {name}")));
    }
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(seeds.len(), TARGETS.len(), "each has a target");
}

#[test]
fn what_was_found_once_is_mended() {
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let folder = entry.unwrap().file_name();
        let name = folder.to_str().unwrap();
        // Short forms of the command line are read by its own tests.
        let Some(target) = target(name) else {
            assert_eq!(name, "short_forms", "a folder of no target");
            continue;
        };
        for (path, input) in inputs_of(name) {
            println!("{}", path.display());
            bounded(name, target, &input);
            replayed += 1;
        }
    }
    assert!(replayed > 0);
}

#[test]
fn changed_seeds_do_no_harm() {
    let wanted = std::env::var("FUZZ").ok().and_then(|value| value.parse().ok());
    let mut random = Random(17);
    for (name, seeds) in seeds() {
        let target = target(name).unwrap();
        let found = inputs_of(name).into_iter().map(|(_, input)| input);
        let seeds: Vec<Vec<u8>> = seeds.into_iter().chain(found).collect();
        let begin = Instant::now();
        let is_whole = name.starts_with("database") || name == "operations";
        let default = if is_whole { CHANGED_WHOLE } else { CHANGED };
        for number in 0..wanted.unwrap_or(default) {
            let seed = &seeds[random.below(seeds.len())];
            let input = changed(&mut random, seed);
            let told = std::panic::catch_unwind(|| bounded(name, target, &input));
            if told.is_err() {
                let path = std::env::temp_dir().join(format!("daybit-{name}-{number}"));
                std::fs::write(&path, &input).unwrap();
                panic!("{name}: {} shows it", path.display());
            }
        }
        println!("{name}: {:?}", begin.elapsed());
    }
}
