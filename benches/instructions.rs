//! How many instructions the five hottest loops take, beside those that `instructions.json` keeps:
//!
//!     cargo bench --bench instructions --no-default-features --features internals [-- --bless]
//!
//! Fails where one takes a tenth more. `--bless` keeps the new counts. Times differ from run to run,
//! counts do not. Valgrind counts; it has no AVX-512, so they are those of AVX2, and where there is
//! no valgrind or no AVX2 the bench says that it was skipped.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

use daybit::internals::{Kernel, kernels, level};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

/// Those that a profile of `questions` shows at its top.
const HOTTEST: [&str; 5] =
    ["array_into_bits", "bitmap_into_bits", "states", "bitmap_to_numbers", "packed_numbers"];
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");
const LEVEL: &str = "AVX2";
const RUNS: u64 = 10;

/// Valgrind counts what happens in here only.
#[inline(never)]
fn measured(kernel: &mut Kernel) -> u64 {
    (0..RUNS).map(|_| kernel.run() & 1).sum()
}

/// In a process of its own, under valgrind: says its level and runs one loop.
fn run_one(name: &str) {
    let mut kernel = kernels().into_iter().find(|kernel| kernel.name == name).unwrap();
    // The first run finds out what the machine has.
    std::hint::black_box(kernel.run());
    println!("{}", level());
    std::hint::black_box(measured(&mut kernel));
}

/// Why nothing can be counted here, or the instructions of a run of that loop.
fn count(name: &str) -> Result<u64, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*instructions*measured*"])
        .arg(format!("--callgrind-out-file={}", file.path().display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--kernel", name])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind failed at {name}:\n{said}");
    match String::from_utf8_lossy(&output.stdout).trim() {
        LEVEL => {}
        other => return Err(format!("the loops run as {other} here, the counts are of {LEVEL}")),
    }
    let counts = std::fs::read_to_string(file.path()).unwrap();
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.unwrap().trim().parse().unwrap();
    assert!(total > RUNS, "{name} was counted:\n{said}");
    Ok(total / RUNS)
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn keep(compiler: &str, counts: &BTreeMap<&str, u64>) {
    let kept = json!({"compiler": compiler, "instructions": counts, "level": LEVEL});
    std::fs::write(KEPT, format!("{kept:#}\n")).unwrap();
}

/// Prints old and new; the names of those that take a tenth more.
fn compare<'n>(kept: &Json, counts: &BTreeMap<&'n str, u64>) -> Vec<&'n str> {
    let mut grown = Vec::new();
    for (name, now) in counts {
        match kept["instructions"][name].as_u64() {
            Some(before) => {
                let change = 100.0 * (*now as f64 / before as f64 - 1.0);
                println!("{name}: {before} instructions before, {now} now ({change:+.1} %)");
                if 10 * now > 11 * before {
                    grown.push(*name);
                }
            }
            None => {
                println!("{name}: no instructions kept, {now} now");
                grown.push(*name);
            }
        }
    }
    grown
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--kernel") {
        run_one(&arguments[at + 1]);
        return ExitCode::SUCCESS;
    }
    let counted = HOTTEST.iter().map(|name| Ok((*name, count(name)?)));
    let counts = match counted.collect::<Result<BTreeMap<&str, u64>, String>>() {
        Ok(counts) => counts,
        Err(why) => {
            println!("instructions: skipped, {why}");
            return ExitCode::SUCCESS;
        }
    };
    let kept = std::fs::read_to_string(KEPT).map_or(Json::Null, |text| text.parse().unwrap());
    let (before, now) = (kept["compiler"].as_str().unwrap_or("no compiler"), compiler());
    if before != now {
        println!("the kept counts are of {before}, this is {now}: that alone may change them");
    }
    let grown = compare(&kept, &counts);
    if arguments.iter().any(|argument| argument == "--bless") {
        keep(&now, &counts);
        println!("kept the new counts in {KEPT}");
    } else if !grown.is_empty() {
        eprintln!("a tenth more instructions, or none kept: {}", grown.join(", "));
        eprintln!("where that is meant, keep them: run this again with `-- --bless`");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
