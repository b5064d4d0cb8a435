//! One target of the library, the short forms of the command line, or the canary, fed by libFuzzer:
//! `fuzz/run 60 ints`.
//!
//! `SEEDS=folder` writes the seeds of all targets there, and ends.

#![no_main]

mod canary;
mod short_forms;

use daybit::internals::fuzz::{TARGETS, Target, seeds};
use std::path::Path;
use std::sync::OnceLock;

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    if let Some(folder) = std::env::var_os("SEEDS") {
        write_seeds(Path::new(&folder));
        std::process::exit(0);
    }
    let name = std::env::var("TARGET").expect("TARGET names what to fuzz");
    match &*name {
        "canary" => return canary::canary,
        "short_forms" => return short_forms::short_forms,
        _ => {}
    }
    let named = TARGETS.iter().find(|(known, _)| *known == name);
    named.unwrap_or_else(|| panic!("there is no target {name}")).1
}

/// A folder for each target; the names are in the file `targets`.
fn write_seeds(folder: &Path) {
    for (name, inputs) in seeds() {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the seeds");
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), input).expect("a seed");
        }
    }
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    std::fs::write(folder.join("targets"), names.join("\n") + "\nshort_forms\n")
        .expect("the names");
}

libfuzzer_sys::fuzz_target!(init: { CHOSEN.set(choose()).expect("chosen once") }, |data: &[u8]| {
    CHOSEN.get().expect("chosen before")(data);
});
